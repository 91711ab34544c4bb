package networkfaults_test

import (
	"flag"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
)

// TestMain lets many pairs run at once, whatever the number of processors: nearly all of their time is waiting.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "48"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// passing is when a fault that passes does so, counted from the beginning of the run. It is long enough for a first
// request, and short enough for its repetition.
const passing = 400 * time.Millisecond

// TestAccNetworkFaults crosses every operation with every fault of the network to either server, one that lasts for the
// run and one that passes during it. What must be true afterwards is asked of the server:
//
//  1. Every live key is in the state or was named to the user by id.
//  2. No run has made more than one key.
//  3. No key has left the state alive, unless the server holds its end.
//  4. Without the fault the next run succeeds, and a destruction leaves nothing alive but what was named.
//  5. No diagnostic shows a secret.
//
// Time is real here, because the network's is.
func TestAccNetworkFaults(t *testing.T) {
	w := acctest.New(t)
	issued := watch(w)
	timeout := 2 * time.Second
	if w.Real { // There a change takes a second of its own.
		timeout = 3 * time.Second
	}
	var tried, held atomic.Int64
	t.Run("pairs", func(t *testing.T) {
		for _, operation := range operations() {
			for _, side := range []string{"kibana", "elasticsearch"} {
				for _, fault := range faults(timeout) {
					for _, passes := range []bool{false, true} {
						if passes && fault.mild {
							continue
						}
						name := operation.name + "/" + side + "/" + fault.String() + map[bool]string{false: " lasting", true: " passing"}[passes]
						t.Run(name, func(t *testing.T) {
							t.Parallel()
							tried.Add(1)
							p := newPair(t, w, issued, side, timeout)
							p.try(operation, fault, passes)
							if !t.Failed() {
								held.Add(1)
							}
						})
					}
				}
			}
		}
	})
	issued.mustBeAll(t, w)
	t.Logf("figure: network faults: pairs tried %d, pairs held %d", tried.Load(), held.Load())
}
