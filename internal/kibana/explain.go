package kibana

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"

	"github.com/elastic/terraform-provider-apm/internal/apierror"
	"github.com/elastic/terraform-provider-apm/internal/transport"
)

// What Kibana passes on in the message of a 500 when Elasticsearch refused (contract A1 and E).
var (
	derivedKey = []string{"creating derived api keys requires", "creating elasticsearch api keys using cloud api keys"}
	refusals   = []string{
		"action_request_validation_exception", "x_content_parse_exception", "illegal_argument_exception", "security_exception",
		"parsing_exception", "application privileges must define", "is missing the following requested privilege",
	}
)

const (
	notReady              = "Kibana server is not ready yet"
	elasticsearchAnswered = "this is Elasticsearch, not Kibana"
)

// newSecret finds the answer of Elasticsearch to a create inside of a message, quoted any number of times. No credential
// that the client knows is in it.
var newSecret = regexp.MustCompile(`"(api_key|encoded)\\*"\s*:`)

// explain reads the body of an error: Kibana's own, or that of whatever answered in its place.
func explain(failure *apierror.Error, answer *transport.Answer) {
	text := string(answer.Body)
	if failure.Status == http.StatusServiceUnavailable && strings.Contains(text, notReady) {
		// The server that says so has not begun to work, so nothing was created.
		failure.Kind, failure.Reason, failure.Undecided = apierror.ErrNotReady, notReady, false
		return
	}
	var body struct {
		StatusCode int             `json:"statusCode"`
		Error      json.RawMessage `json:"error"`
		Message    string          `json:"message"`
		Status     int             `json:"status"` // Elasticsearch's name for statusCode
		Attributes struct {
			Data struct {
				MissingPrivileges        []string `json:"missingPrivileges"`
				MissingClusterPrivileges []string `json:"missingClusterPrivileges"`
			} `json:"data"`
		} `json:"attributes"`
	}
	err := json.Unmarshal(answer.Body, &body)
	// Gateways that are overloaded or cannot reach Kibana answer in many forms, Elasticsearch's {"status": 504} too.
	passing := failure.Undecided || failure.Kind == apierror.ErrRateLimited
	switch {
	case answer.Header.Get("X-Elastic-Product") == "Elasticsearch":
		failure.Kind, failure.Reason, failure.Undecided = apierror.ErrWrongProduct, elasticsearchAnswered, false
		return
	case err == nil && body.Status != 0 && body.StatusCode == 0 && !passing:
		failure.Kind, failure.Reason = apierror.ErrWrongProduct, elasticsearchAnswered
		return
	case err != nil || (body.StatusCode == 0 && body.Message == ""):
		failure.Reason = "not an answer of Kibana" + contentType(answer)
		if !passing {
			failure.Kind = apierror.ErrWrongProduct
		}
		return
	}
	failure.Reason = body.Message
	if newSecret.MatchString(body.Message) {
		failure.Reason = "the message is withheld, for it may hold the secret of a new key"
	}
	failure.MissingPrivileges = clean(body.Attributes.Data.MissingPrivileges)
	failure.MissingClusterPrivileges = clean(body.Attributes.Data.MissingClusterPrivileges)
	switch {
	case contains(body.Message, derivedKey):
		failure.Kind, failure.Undecided = apierror.ErrDerivedKey, false
	case failure.Status == http.StatusInternalServerError && contains(body.Message, refusals):
		// Elasticsearch refused, so there is no key. Before 8.10 missing privileges came as 500 too (contract A1).
		failure.Kind, failure.Undecided = apierror.ErrBadRequest, false
		if strings.Contains(body.Message, "security_exception") || strings.Contains(body.Message, "requested privilege") {
			failure.Kind = apierror.ErrForbidden
		}
	}
}

func contains(text string, parts []string) bool {
	for _, part := range parts {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

func clean(names []string) []string {
	var cleaned []string
	for _, name := range names {
		cleaned = append(cleaned, transport.Clean(name))
	}
	return cleaned
}
