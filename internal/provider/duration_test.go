package provider_test

import (
	"testing"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
)

func TestAccDurations_thatElasticsearchRefusesAreRefusedInThePlan(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	for _, attribute := range []string{"expires_in", "rotate_after", "revoke_after"} {
		for _, text := range []string{"1.5h", "P1D", "0s", "1w", "1d12h", "90", "-1d", "1 h", "", "99999999999d"} {
			t.Run(attribute+" "+text, func(t *testing.T) {
				t.Parallel()
				diagnostics := w.Core(t, nil).Plan(adding(config("checkout"), attribute, text)).Diagnostics
				told(t, diagnostics, attribute, "Invalid duration", "A duration")
			})
		}
	}
	t.Cleanup(func() {
		if sent := w.Sent(); len(sent) > 0 {
			t.Errorf("requests were sent: %v", sent)
		}
	})
}
