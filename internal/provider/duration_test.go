package provider_test

import (
	"testing"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
)

func TestAccDurations_thatElasticsearchRefusesAreRefusedInThePlan(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	for _, attribute := range []string{"expires_in", "rotate_after", "revoke_after"} {
		for text, example := range map[string]string{
			"1.5h": `"36h"`, "P1D": `"90d"`, "0s": `"1h"`, "1w": `"90d"`, "1d12h": `"36h"`, "90": `"90d"`, "-1d": `"90d"`, "1 h": `"36h"`, "": `"90d"`,
			"99999999999d": "106751d",
		} {
			t.Run(attribute+" "+text, func(t *testing.T) {
				t.Parallel()
				diagnostics := w.Core(t, nil).Plan(adding(config("checkout"), attribute, text)).Diagnostics
				told(t, diagnostics, attribute, "Invalid duration", "A duration", example)
			})
		}
	}
	t.Run("and what the messages name is taken", func(t *testing.T) {
		t.Parallel()
		for _, text := range []string{"90d", "36h", "30m", "45s", "1h", "106751d"} {
			planned(t, w.Core(t, nil).Plan(adding(config("checkout"), "expires_in", text)), acctest.Create)
		}
	})
	t.Cleanup(func() {
		if sent := w.Sent(); len(sent) > 0 {
			t.Errorf("requests were sent: %v", sent)
		}
	})
}
