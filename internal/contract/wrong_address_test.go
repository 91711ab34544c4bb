package contract_test

import (
	"net/http"
	"testing"
)

// TestWrongAddress_elasticsearchAsKibana is what a client gets that was given
// Elasticsearch's address for Kibana's: the only error without a status in it.
func TestWrongAddress_elasticsearchAsKibana(t *testing.T) {
	t.Parallel()
	for _, path := range []string{agentKeysPath, "/s/" + w.space + agentKeysPath} {
		a := send(t, w.creator, http.MethodPost, path, agentKeyRequest(uniqueName(), "event:write"))
		a.wantBody(t, http.StatusBadRequest, object{"error": "no handler found for uri [" + path + "] and method [POST]"})
		if got := a.header.Get("X-Elastic-Product"); got != "Elasticsearch" {
			t.Errorf("X-Elastic-Product %q, want Elasticsearch", got)
		}
	}
	send(t, caller{}, http.MethodPost, agentKeysPath, object{}).
		wantError(t, http.StatusUnauthorized, "security_exception", "missing authentication credentials for REST request ["+agentKeysPath+"]")
}

// TestWrongAddress_kibanaAsElasticsearch is the other way round.
func TestWrongAddress_kibanaAsElasticsearch(t *testing.T) {
	t.Parallel()
	a := kibana(t, w.creator, http.MethodGet, "/_security/_authenticate", nil)
	a.wantKibanaError(t, http.StatusNotFound, "Not Found")
	if got := a.header.Get("X-Elastic-Product"); got != "" {
		t.Errorf("X-Elastic-Product %q, want none", got)
	}
}
