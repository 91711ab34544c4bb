package apierror_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/elastic/terraform-provider-apm/internal/apierror"
)

func TestError_saysWhatWasAskedAndWhatCameBack(t *testing.T) {
	tests := map[string]struct {
		failure apierror.Error
		want    string
	}{
		"answer": {
			apierror.Error{Product: "Kibana", Method: "POST", URL: "https://kb/api", Kind: apierror.ErrForbidden, Status: 403, Reason: "no"},
			"POST https://kb/api: Kibana answered HTTP 403: no",
		},
		"answer of Elasticsearch": {
			apierror.Error{
				Product: "Elasticsearch", Method: "GET", URL: "https://es/x", Kind: apierror.ErrBadRequest, Status: 400,
				Type: "illegal_argument_exception", Reason: "because",
			},
			"GET https://es/x: Elasticsearch answered HTTP 400 illegal_argument_exception: because",
		},
		"answer without words": {
			apierror.Error{Product: "Kibana", Method: "POST", URL: "https://kb/api", Kind: apierror.ErrServer, Status: 500},
			"POST https://kb/api: Kibana answered HTTP 500",
		},
		"no answer": {
			apierror.Error{Product: "Kibana", Method: "POST", URL: "https://kb/api", Kind: apierror.ErrUnreachable, Reason: "connection refused"},
			"POST https://kb/api: Kibana: unreachable: connection refused",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := test.failure.Error(); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

func TestError_isItsKindAndItsCause(t *testing.T) {
	withCause := &apierror.Error{Kind: apierror.ErrTimeout, Cause: context.DeadlineExceeded}
	var found *apierror.Error
	err := fmt.Errorf("creating a key: %w", withCause)
	switch {
	case !errors.Is(err, apierror.ErrTimeout), !errors.Is(err, context.DeadlineExceeded):
		t.Error("the kind or the cause is not found")
	case errors.Is(err, apierror.ErrInterrupted):
		t.Error("another kind is found")
	case !errors.As(err, &found) || found != withCause:
		t.Error("the error itself is not found")
	}
	var withoutCause error = &apierror.Error{Kind: apierror.ErrServer}
	if !errors.Is(withoutCause, apierror.ErrServer) || errors.Is(withoutCause, context.Canceled) {
		t.Error("an error without cause is not just its kind")
	}
}
