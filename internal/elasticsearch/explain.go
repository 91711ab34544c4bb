package elasticsearch

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/elastic/terraform-provider-apm/internal/apierror"
	"github.com/elastic/terraform-provider-apm/internal/transport"
)

// explain reads the body of an error: Elasticsearch's own (contract B9), or that of whatever answered in its place.
func explain(failure *apierror.Error, answer *transport.Answer) {
	var body struct {
		Error      json.RawMessage `json:"error"`
		StatusCode int             `json:"statusCode"` // Kibana's name for status
	}
	err := json.Unmarshal(answer.Body, &body)
	// Gateways that are overloaded or cannot reach Elasticsearch answer in many forms, Kibana's too.
	passing := failure.Status >= http.StatusInternalServerError || failure.Kind == apierror.ErrRateLimited || failure.Kind == apierror.ErrTimeout
	switch {
	case answer.Header.Get("Kbn-Name") != "", err == nil && body.StatusCode != 0 && !passing:
		failure.Kind, failure.Reason = apierror.ErrWrongProduct, "this is Kibana, not Elasticsearch"
		return
	case err != nil || body.Error == nil:
		failure.Reason = "not an answer of Elasticsearch"
		if contentType := answer.Header.Get("Content-Type"); contentType != "" {
			failure.Reason += " (its content type is " + contentType + ")"
		}
		if !passing {
			failure.Kind = apierror.ErrWrongProduct
		}
		return
	}
	var detail struct {
		Type       string          `json:"type"`
		Reason     string          `json:"reason"`
		Additional json.RawMessage `json:"additional_unsuccessful_credentials"`
	}
	if json.Unmarshal(body.Error, &detail) != nil {
		// At the HTTP layer the error is a plain string.
		_ = json.Unmarshal(body.Error, &failure.Reason)
		return
	}
	failure.Type, failure.Reason = detail.Type, detail.Reason
	// Why an API key was refused: a text, or a list of them where there are several.
	var additional string
	var several []string
	if json.Unmarshal(detail.Additional, &several) == nil {
		additional = strings.Join(several, "; ")
	} else {
		_ = json.Unmarshal(detail.Additional, &additional)
	}
	if additional != "" {
		failure.Reason += " (" + additional + ")"
	}
}
