package agentkey_test

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/elastic/terraform-provider-apm/internal/agentkey"
	"github.com/elastic/terraform-provider-apm/internal/apierror"
	"github.com/elastic/terraform-provider-apm/internal/fakestack"
)

// mustRefresh refreshes keys one after the other, which must be alive.
func mustRefresh(t *testing.T, keys *agentkey.Service, refs ...agentkey.Ref) {
	t.Helper()
	for _, ref := range refs {
		if got, err := keys.Refresh(t.Context(), ref); err != nil || got.Condition != agentkey.Alive {
			t.Errorf("got the condition %d, %v", got.Condition, err)
		}
	}
}

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

// Dead keys lie about for a week and longer, and are none of a plan's business.
func TestRefresh_listsNoDeadKeys(t *testing.T) {
	w := newWorld(t)
	refs := make([]agentkey.Ref, 3)
	for i := range refs {
		refs[i], _ = w.seed(t, nil)
	}
	for range agentkey.PageSize + 1 {
		w.seed(t, map[string]any{"expiration": "1h"})
	}
	w.Clock().Advance(2 * time.Hour)
	keys := w.service(t, creator)
	w.forget()
	mustRefresh(t, keys, refs...)
	w.mustSend(t, 0, 2)
}

func TestRefresh_listsTheKeysOfEachOwner(t *testing.T) {
	w := newWorld(t)
	var refs []agentkey.Ref
	for range 20 {
		own, _ := w.seed(t, nil)
		other, _ := w.seedAs(t, "another", nil)
		refs = append(refs, own, other)
	}
	keys := w.service(t, "manager")
	w.forget()
	mustRefresh(t, keys, refs...)
	w.mustSend(t, 0, 4)
}

func TestRefresh_endsWhenTheRunIsInterrupted(t *testing.T) {
	w := newWorld(t)
	keys := w.service(t, creator)
	first, _ := w.seed(t, nil)
	second, _ := w.seed(t, nil)
	_, err := keys.Refresh(t.Context(), first)
	must(t, err)
	ctx, interrupt := context.WithCancel(t.Context())
	w.Elasticsearch.Inject(fakestack.Hook(func(*http.Request) { interrupt() }))
	w.Elasticsearch.Inject(fakestack.Hang())
	if _, err := keys.Refresh(ctx, second); !errors.Is(err, apierror.ErrInterrupted) {
		t.Errorf("got %v", err)
	}
}

// The end of one operation is no failure of the others, which wait for the same answer.
func TestRefresh_endsForNobodyElse(t *testing.T) {
	w := newWorld(t)
	keys := w.service(t, creator)
	first, _ := w.seed(t, nil)
	second, _ := w.seed(t, nil)
	_, err := keys.Refresh(t.Context(), first)
	must(t, err)

	arrived, released := make(chan struct{}), make(chan struct{})
	w.Elasticsearch.Inject(fakestack.Hook(func(*http.Request) { close(arrived); <-released }).Once())
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := keys.Refresh(ctx, second); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	<-arrived
	close(released)
	mustRefresh(t, keys, second)
}
