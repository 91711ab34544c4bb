package contract_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"testing"

	"github.com/elastic/terraform-provider-apm/internal/fakestack"
)

// parallelCases is how many cases run at once: on a real server they spend
// their time waiting for index refreshes.
const parallelCases = 48

// standInSpace is a space of the stand-in beside the default one.
const standInSpace = "contract"

func TestMain(m *testing.M) {
	flag.Parse()
	if parallel := flag.Lookup("test.parallel").Value; parallel.String() == flag.Lookup("test.parallel").DefValue {
		_ = parallel.Set(strconv.Itoa(parallelCases)) // A number is always taken.
	}
	status, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "contract:", err)
		status = 1
	}
	os.Exit(status)
}

// run makes the world on the target that the environment names, has the cases
// run in it and takes it away.
func run(m *testing.M) (status int, err error) {
	target, stop, err := start()
	if err != nil {
		return 0, err
	}
	defer stop()
	defer func() {
		// Also after a set-up that went half way.
		if closeErr := w.close(); err == nil {
			err = closeErr
		}
	}()
	w = newWorld(target)
	if err := w.setUp(); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

// start returns the target and what ends it. A real Elasticsearch without a
// Kibana gets the stand-in for Kibana; without either, both are in memory.
func start() (target, func(), error) {
	t := target{
		elasticsearch: os.Getenv("APM_TEST_ELASTICSEARCH_URL"),
		kibana:        os.Getenv("APM_TEST_KIBANA_URL"),
		space:         os.Getenv("APM_TEST_KIBANA_SPACE"),
		username:      os.Getenv("APM_TEST_ELASTICSEARCH_USERNAME"),
		password:      os.Getenv("APM_TEST_ELASTICSEARCH_PASSWORD"),
	}
	if t.elasticsearch == "" && t.kibana != "" {
		return target{}, nil, errors.New("APM_TEST_KIBANA_URL is set without APM_TEST_ELASTICSEARCH_URL")
	}
	if t.kibana != "" {
		if t.space == "" {
			return target{}, nil, errors.New("APM_TEST_KIBANA_URL is set: name one of its spaces, not the default one, in APM_TEST_KIBANA_SPACE")
		}
		return t, func() {}, nil
	}
	if t.elasticsearch == "" {
		t.username, t.password = "admin", "in-memory-password"
	}
	version := os.Getenv("APM_TEST_ELASTICSEARCH_VERSION")
	stack, err := fakestack.Start(context.Background(), fakestack.Options{
		Upstream:      t.elasticsearch,
		Username:      t.username,
		Password:      t.password,
		Version:       version,
		KibanaVersion: version,
		Spaces:        []string{standInSpace},
	})
	if err != nil {
		return target{}, nil, err
	}
	t.kibana, t.space = stack.KibanaURL(), standInSpace
	if t.elasticsearch == "" {
		t.elasticsearch = stack.ElasticsearchURL()
		// Tokens need more than the basic licence that a new cluster has.
		header := http.Header{"Authorization": {basic(t.username, t.password).authorization}}
		a, err := call(http.MethodPost, t.elasticsearch+"/_license/start_trial?acknowledge=true", header, nil)
		if err == nil && a.status != http.StatusOK {
			err = fmt.Errorf("%s", a)
		}
		if err != nil {
			stack.Close()
			return target{}, nil, err
		}
	}
	return t, stack.Close, nil
}
