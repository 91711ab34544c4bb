package networkfaults_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// The directions of a connection: upstream is from the provider to the server.
const (
	upstream   = "upstream"
	downstream = "downstream"
)

// fault is one way in which a network fails. A fault without a toxic is a proxy that nobody listens on.
type fault struct {
	name, direction string
	toxic           string         // Toxiproxy's name of what it does to one direction
	attributes      map[string]int // times in ms, rates in KB/s, sizes in bytes
	// mild says that requests get through all the same.
	mild bool
}

// faults are all that are tried on requests with this timeout.
func faults(timeout time.Duration) []fault {
	beyond := timeout + 1500*time.Millisecond
	all := []fault{{name: "connection refused"}}
	for _, direction := range []string{upstream, downstream} {
		all = append(all,
			fault{"reset", direction, "reset_peer", map[string]int{"timeout": 0}, false},
			fault{"late reset", direction, "reset_peer", map[string]int{"timeout": 300}, false},
			fault{"silence", direction, "timeout", map[string]int{"timeout": 0}, false},
			fault{"silence, then closed", direction, "timeout", map[string]int{"timeout": 300}, false},
			fault{"delay", direction, "latency", map[string]int{"latency": 100, "jitter": 50}, true},
			fault{"delay beyond the timeout", direction, "latency", map[string]int{"latency": int(beyond.Milliseconds())}, false},
			fault{"cut in the head", direction, "limit_data", map[string]int{"bytes": 60}, false},
			fault{"cut in the body", direction, "limit_data", map[string]int{"bytes": 330}, false},
			fault{"narrow", direction, "bandwidth", map[string]int{"rate": 1}, true},
			fault{"in slices", direction, "slicer", map[string]int{"average_size": 8, "size_variation": 4, "delay": 500}, true},
			fault{"late close", direction, "slow_close", map[string]int{"delay": 1500}, true},
		)
	}
	return all
}

// String names the fault.
func (f fault) String() string { return strings.TrimSpace(f.name + " " + f.direction) }

// network is what lies between the provider and one server.
type network struct {
	t      *testing.T
	server *toxiproxy.ApiServer
	proxy  *toxiproxy.Proxy
}

// newNetwork lays a network to the server, which works.
func newNetwork(t *testing.T, serverURL string) *network {
	t.Helper()
	n := &network{t: t, server: toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())}
	n.start("127.0.0.1:0", strings.TrimPrefix(serverURL, "http://"))
	t.Cleanup(func() { n.proxy.Stop() })
	return n
}

// url is where the provider finds the server.
func (n *network) url() string { return "http://" + n.proxy.Listen }

// fail begins a fault.
func (n *network) fail(f fault) {
	n.t.Helper()
	if f.toxic == "" {
		n.proxy.Stop()
		return
	}
	description, err := json.Marshal(map[string]any{"type": f.toxic, "stream": f.direction, "attributes": f.attributes})
	if err != nil {
		n.t.Fatal(err)
	}
	if _, err := n.proxy.Toxics.AddToxicJson(bytes.NewReader(description)); err != nil {
		n.t.Fatalf("making the network fail: %s", err)
	}
}

// heal ends every fault, and the connections that were made meanwhile. A proxy without faults takes the place of the
// other: Toxiproxy 2.5.0 may block for ever when it takes a fault out of a connection in use.
func (n *network) heal() {
	n.t.Helper()
	n.proxy.Stop()
	n.start(n.proxy.Listen, n.proxy.Upstream)
}

// start must not end the test: a fault may pass in another goroutine.
func (n *network) start(listen, upstream string) {
	n.t.Helper()
	n.proxy = toxiproxy.NewProxy(n.server, n.t.Name(), listen, upstream)
	if err := n.proxy.Start(); err != nil {
		n.t.Errorf("starting a proxy: %s", err)
	}
}
