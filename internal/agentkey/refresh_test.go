package agentkey_test

import (
	"strconv"
	"sync"
	"testing"

	"github.com/elastic/terraform-provider-apm/internal/agentkey"
)

// Design, budgets: at most 1 + n/1000 reads once there are many.
func TestRefresh_ofManyKeysReadsThemByTheThousand(t *testing.T) {
	for _, caller := range whoSees {
		for n, requests := range map[int]int{1: 1, 2: 2, 30: 2} {
			t.Run(caller+" "+strconv.Itoa(n), func(t *testing.T) {
				w := newWorld(t)
				refs := make([]agentkey.Ref, n)
				for i := range refs {
					refs[i], _ = w.seed(t, map[string]any{"name": "checkout-" + strconv.Itoa(i)})
				}
				w.seedAs(t, "another", nil)
				keys := w.service(t, caller)
				w.forget()
				var wait sync.WaitGroup
				for _, ref := range refs {
					wait.Go(func() {
						if got, err := keys.Refresh(t.Context(), ref); err != nil || got.Condition != agentkey.Alive || got.Key.ID != ref.ID {
							t.Errorf("got the condition %d, %v", got.Condition, err)
						}
					})
				}
				wait.Wait()
				w.mustSend(t, 0, requests)
			})
		}
	}
}

func TestRefresh_pagesThroughMoreThanAThousand(t *testing.T) {
	const n = 2300
	w := newWorld(t)
	refs := make([]agentkey.Ref, n)
	for i := range refs {
		refs[i], _ = w.seed(t, nil)
	}
	keys := w.service(t, creator)
	w.forget()
	for _, ref := range refs {
		if got, err := keys.Refresh(t.Context(), ref); err != nil || got.Key.ID != ref.ID {
			t.Fatalf("got the condition %d, %v", got.Condition, err)
		}
	}
	w.mustSend(t, 0, 1+n/agentkey.PageSize+1)
}

func TestRefresh_readsByItselfWhatIsNotListed(t *testing.T) {
	w := newWorld(t)
	keys := w.service(t, creator)
	alive, _ := w.seed(t, nil)
	revoked, _ := w.seed(t, nil)
	must(t, w.Invalidate(t.Context(), revoked.ID))
	other, _ := w.seed(t, map[string]any{"metadata": map[string]any{"application": "other"}})
	w.forget()
	for ref, want := range map[agentkey.Ref]agentkey.Condition{alive: agentkey.Alive, revoked: agentkey.Revoked, other: agentkey.Alive} {
		if got, err := keys.Refresh(t.Context(), ref); err != nil || got.Condition != want || got.Key.ID != ref.ID {
			t.Errorf("got the condition %d, %v, want %d", got.Condition, err, want)
		}
	}
}
