package provider_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
	"github.com/elastic/terraform-provider-apm/internal/fakestack"
)

// TestAccAgentKey_hasAWholeLifeInEverySetUp also proves that the owner flag is right for every kind of caller: a wrong
// one costs a second request, or revokes nothing (contract, trap 8).
func TestAccAgentKey_hasAWholeLifeInEverySetUp(t *testing.T) {
	t.Parallel()
	for what, test := range map[string]struct {
		// blocks returns the attributes of both blocks.
		blocks func(t *testing.T, w *acctest.World) (kibana, elasticsearch map[string]any)
		// owner are the owner flags of the requests to revoke.
		owner []bool
	}{
		"a least-privilege user": {func(_ *testing.T, w *acctest.World) (map[string]any, map[string]any) {
			return w.BasicAuth(), nil
		}, []bool{true}},
		"a least-privilege user, given for Elasticsearch alone": {func(_ *testing.T, w *acctest.World) (map[string]any, map[string]any) {
			return nil, w.BasicAuth()
		}, []bool{true}},
		"a least-privilege user's token": {func(t *testing.T, w *acctest.World) (map[string]any, map[string]any) {
			return bearer(t, w, w.BasicAuth()), nil
		}, []bool{true}},
		"a superuser": {func(t *testing.T, w *acctest.World) (map[string]any, map[string]any) {
			return superuser(t, w), nil
		}, []bool{true}},
		"a user with manage_api_key": {func(t *testing.T, w *acctest.World) (map[string]any, map[string]any) {
			role := fakestack.AgentKeyRole()
			role.Cluster = []string{"manage_api_key"}
			return user(t, w, role), nil
		}, []bool{true}},
		"another user with manage_api_key revokes": {func(t *testing.T, w *acctest.World) (map[string]any, map[string]any) {
			return w.BasicAuth(), user(t, w, cluster("manage_api_key"))
		}, []bool{false}},
		"an API key with manage_api_key revokes": {func(t *testing.T, w *acctest.World) (map[string]any, map[string]any) {
			key := apiKey(t, w, user(t, w, cluster("manage_api_key")), "manage_api_key")
			return w.BasicAuth(), map[string]any{"api_key": key.Encoded}
		}, []bool{false}},
		// Whose token it is cannot be told from its form, so the first try is a guess.
		"the token of another user with manage_api_key revokes": {func(t *testing.T, w *acctest.World) (map[string]any, map[string]any) {
			return w.BasicAuth(), bearer(t, w, user(t, w, cluster("manage_api_key")))
		}, []bool{true, false}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := acctest.New(t)
			kibana, elasticsearch := test.blocks(t, w)
			core := w.Core(t, w.ProviderConfig(kibana, elasticsearch))

			silent(t, core.Run(config("checkout")))
			id := idOf(t, core)
			if !w.Authenticates(t.Context(), encodedOf(t, core)) {
				t.Error("the key does not authenticate")
			}
			if username, ok := kibana["username"]; ok && core.State()["username"] != username {
				t.Errorf("the key is %v's, not its creator's", core.State()["username"])
			}
			plan := core.Plan(config("checkout"))
			planned(t, plan, acctest.NoOp)
			silent(t, plan.Diagnostics)

			silent(t, core.Destroy())
			if got := ownerFlags(t, w); !slices.Equal(got, test.owner) {
				t.Errorf("owner flags %v instead of %v", got, test.owner)
			}
			if slices.Contains(w.Sent(), "GET /") {
				t.Error("GET / was sent, which takes the privilege monitor")
			}
			if !isRevoked(t, w, id) {
				t.Error("the key is not revoked")
			}
		})
	}
}

// bearer returns the attributes of a block for a token of the user.
func bearer(t *testing.T, w *acctest.World, user map[string]any) map[string]any {
	t.Helper()
	credentials := credentialsOf(user)
	token, err := w.SeedToken(t.Context(), credentials.Username, credentials.Password)
	if err != nil {
		t.Fatalf("making a token: %s", err)
	}
	return map[string]any{"bearer_token": token}
}

func TestAccAgentKey_aReaderReadsEveryKeyAndRevokesNone(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	reader := user(t, w, cluster("read_security"))
	core := w.Core(t, w.ProviderConfig(w.BasicAuth(), reader))
	id := create(t, core, config("checkout"))
	planned(t, core.Plan(config("checkout")), acctest.NoOp)

	refused(t, core.Destroy(), "Unable to revoke APM agent key",
		"checkout", id, "still alive and stays in the state", "is unauthorized for user ["+reader["username"].(string)+"]", "manage_api_key", "elasticsearch block")
	onlyAlive(t, w, id)
	if idOf(t, core) != id {
		t.Error("the key has left the state")
	}

	core.SetProvider(w.ProviderConfig(w.BasicAuth(), nil))
	silent(t, core.Destroy())
	onlyAlive(t, w)
}

func TestAccProvider_createsInTheSpaceOfTheConfiguration(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	// The user may use APM in one space only.
	role := fakestack.AgentKeyRole()
	role.Applications[0].Resources = []string{"space:" + acctest.Space}
	provider := w.ProviderConfig(user(t, w, role), nil)
	core := w.Core(t, provider)
	refused(t, core.Run(config("checkout")), "Unable to create APM agent key",
		"HTTP 403", "Kibana privilege in this space", "feature_apm.all", "space_id")

	kibana := maps.Clone(provider["kibana"].(map[string]any))
	kibana["space_id"] = acctest.Space
	core.SetProvider(map[string]any{"kibana": kibana, "elasticsearch": provider["elasticsearch"]})
	w.Sent()
	silent(t, core.Run(config("checkout")))
	if sent := w.Sent(); sent[0] != "POST /s/"+acctest.Space+createRoute {
		t.Errorf("the key was created by %s", sent[0])
	}
	if !w.Authenticates(t.Context(), encodedOf(t, core)) {
		t.Error("the key does not authenticate")
	}
	succeed(t, core.Destroy())
}

func TestAccProvider_theDefaultSpaceHasNoPathOfItsOwn(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	kibana := w.BasicAuth()
	kibana["space_id"] = "default"
	core := w.Core(t, w.ProviderConfig(kibana, nil))
	silent(t, core.Run(config("checkout")))
	if sent := w.Sent(); sent[0] != "POST "+createRoute {
		t.Errorf("the key was created by %s", sent[0])
	}
}

func TestAccProvider_aSpaceThatDoesNotExistIsNamedAsTheCause(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	kibana := w.BasicAuth()
	kibana["space_id"] = "nowhere"
	core := w.Core(t, w.ProviderConfig(kibana, nil))
	refused(t, core.Run(config("checkout")), "Unable to create APM agent key", "/s/nowhere"+createRoute, "HTTP 404", "space_id names an existing space")
	onlyAlive(t, w)
}

func TestAccProvider_passesOverADeadElasticsearchEndpoint(t *testing.T) {
	t.Parallel()
	for what, place := range map[string]int{"first": 0, "last": 1} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := acctest.New(t)
			provider := w.ProviderConfig(w.BasicAuth(), nil)
			endpoints := slices.Insert([]string{w.ElasticsearchURL()}, place, closedPort)
			provider["elasticsearch"] = map[string]any{"endpoints": endpoints}
			core := w.Core(t, provider)
			silent(t, core.Run(config("checkout")))
			onlyAlive(t, w, idOf(t, core))
			planned(t, core.Plan(config("checkout")), acctest.NoOp)
			silent(t, core.Destroy())
			onlyAlive(t, w)
		})
	}
}
