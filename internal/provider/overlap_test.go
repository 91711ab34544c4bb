package provider_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
	"github.com/elastic/terraform-provider-apm/internal/fakestack"
)

// TestAccRotation_leavesNoMomentWithoutAWorkingKey asks the server with every key, every few milliseconds, through a
// rotation in either order.
func TestAccRotation_leavesNoMomentWithoutAWorkingKey(t *testing.T) {
	t.Parallel()
	for what, createFirst := range map[string]bool{"destroy first": false, "create first": true} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := acctest.New(t)
			core := w.Core(t, nil)
			core.CreateBeforeDestroy = createFirst
			configuration := adding(config("checkout"), "expires_in", "90d", "revoke_after", "1h", "rotate_when_changed", map[string]string{"release": "1"})
			create(t, core, configuration)
			old := encodedOf(t, core)

			watch := watchKeys(t, w, old)
			succeed(t, core.Run(adding(configuration, "rotate_when_changed", map[string]string{"release": "2"})))
			// The grace period has begun: both still work.
			watch.rounds()
			answers, without := watch.stop()

			if without > 0 {
				t.Errorf("at %d moments no key worked", without)
			}
			renewed := encodedOf(t, core)
			if len(answers) != 2 || answers[old] == nil || answers[renewed] == nil {
				t.Fatalf("%d keys were watched, not the old one and the new one", len(answers))
			}
			// Around the new key's creation, before and after each change of an end, and at the last.
			for which, least := range map[string]struct {
				encoded string
				asked   int
			}{"old": {old, 7 * roundsAround}, "new": {renewed, 4 * roundsAround}} {
				got := answers[least.encoded]
				if got.asked < least.asked || got.refused > 0 {
					t.Errorf("the %s key was refused %d times of %d, which should be 0 of at least %d", which, got.refused, got.asked, least.asked)
				}
			}
		})
	}
}

// roundsAround is how often a keyWatch asks with every key before the server changes anything, and again afterwards.
const roundsAround = 2

// keyWatch asks the server with every key again and again, past the front. A change has to wait for it, before and after:
// so no machine is too fast or too slow for it.
type keyWatch struct {
	world *acctest.World
	over  context.Context //nolint:containedctx // It ends the watch.
	end   context.CancelFunc
	done  sync.WaitGroup

	mu      sync.Mutex
	asked   *sync.Cond // told of every round
	answers map[string]*keyAnswers
	// order is that in which the keys became known.
	order []string
	round int
	// without counts the rounds in which no key worked.
	without int
}

type keyAnswers struct{ asked, refused int }

// watchKeys watches the key, and every one that Kibana makes from then on as soon as it answers. It returns when the first
// answers are there.
func watchKeys(t *testing.T, w *acctest.World, encoded string) *keyWatch {
	t.Helper()
	k := &keyWatch{world: w, answers: map[string]*keyAnswers{}}
	k.asked = sync.NewCond(&k.mu)
	k.over, k.end = context.WithCancel(context.Background())
	k.add(encoded)
	wait := fakestack.Hook(func(*http.Request) { k.rounds() })
	inject(t, w.Stack.Kibana, wait.On(toCreate))
	inject(t, w.Stack.Kibana, fakestack.RewriteBody(func(body map[string]any) {
		answer, _ := body["agentKey"].(map[string]any)
		if made, _ := answer["encoded"].(string); made != "" {
			k.add(made)
		}
		k.rounds()
	}).On(toCreate))
	for _, change := range []func(*http.Request) bool{toUpdate, toRevoke} {
		inject(t, w.Stack.Elasticsearch, wait.On(change))
		inject(t, w.Stack.Elasticsearch, wait.After().On(change))
	}
	k.done.Go(k.run)
	t.Cleanup(func() { k.stop() })
	k.rounds()
	return k
}

func (k *keyWatch) add(encoded string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.answers[encoded] = &keyAnswers{}
	k.order = append(k.order, encoded)
}

// run asks until the watch is over.
func (k *keyWatch) run() {
	for k.over.Err() == nil {
		k.mu.Lock()
		keys := k.order
		k.mu.Unlock()
		works := map[string]bool{}
		for _, encoded := range keys {
			works[encoded] = k.world.Authenticates(context.Background(), encoded)
		}
		k.count(works)
		time.Sleep(3 * time.Millisecond)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked.Broadcast()
}

// count notes the answers of one round.
func (k *keyWatch) count(works map[string]bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	some := false
	for encoded, worked := range works {
		k.answers[encoded].asked++
		if !worked {
			k.answers[encoded].refused++
		}
		some = some || worked
	}
	if !some {
		k.without++
	}
	k.round++
	k.asked.Broadcast()
}

// rounds waits until every key was asked with, some times more. The round that is under way does not count.
func (k *keyWatch) rounds() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for until := k.round + 1 + roundsAround; k.round < until && k.over.Err() == nil; {
		k.asked.Wait()
	}
}

// stop ends the watch, and returns what became of every key, and how often none worked.
func (k *keyWatch) stop() (answers map[string]*keyAnswers, without int) {
	k.end()
	k.done.Wait()
	return k.answers, k.without
}
