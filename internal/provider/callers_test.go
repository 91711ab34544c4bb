package provider_test

import (
	"maps"
	"net/http"
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

// Whom the elasticsearch block names may read and revoke every key, and can change none: what takes the owner goes by the
// credentials of the kibana block, whose user Kibana makes the owner.
func TestAccAgentKey_isChangedByItsCreatorWhoeverReadsIt(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	manager := apiKey(t, w, user(t, w, cluster("manage_api_key")), "manage_api_key")
	core := w.Core(t, w.ProviderConfig(w.BasicAuth(), map[string]any{"api_key": manager.Encoded}))
	seen := 0
	// changed fails the test unless a change was sent since it was last called, and every one by the owner.
	changed := func(what string) {
		t.Helper()
		changes := 0
		for _, request := range w.Stack.Elasticsearch.Requests() {
			if request.Method != http.MethodPut {
				continue
			}
			changes++
			if request.Scheme != "Basic" || request.Username != w.Username || request.Status != http.StatusOK {
				t.Errorf("%s: a change was sent as %q by %q and answered %d", what, request.Scheme, request.Username, request.Status)
			}
		}
		if changes == seen {
			t.Errorf("%s: no change was sent", what)
		}
		seen = changes
	}

	id := create(t, core, adding(config("checkout"), "expires_in", "90d", "revoke_after", "1h"))
	changed("the creation")
	lives(t, lifeOf(t, w, id), 90*day)

	ending := adding(config("checkout"), "expires_in", "30d", "revoke_after", "1h")
	for _, step := range []struct {
		what          string
		configuration map[string]any
	}{{"another end", ending}, {"other privileges", adding(ending, "privileges", []string{"event:write"})}} {
		plan := core.Plan(step.configuration)
		planned(t, plan, acctest.Update)
		succeed(t, core.Apply(plan))
		changed(step.what)
		planned(t, core.Plan(step.configuration), acctest.NoOp)
	}
	allowed(t, w, encodedOf(t, core), map[string]bool{"event:write": true, "config_agent:read": false})
	lives(t, lifeOf(t, w, id), 30*day)

	// The answer is lost, and the key is found among those of the creator.
	remove := inject(t, w.Stack.Kibana, fakestack.CloseWithoutAnswer().After().On(toCreate))
	other := w.Core(t, w.ProviderConfig(w.BasicAuth(), map[string]any{"api_key": manager.Encoded}))
	diagnostics := other.Run(config("basket"))
	remove()
	lost := slices.DeleteFunc(w.LiveKeys(t), func(live string) bool { return live == id })
	if len(lost) != 1 {
		t.Fatalf("%d keys were made by the create whose answer was lost", len(lost))
	}
	refused(t, diagnostics, "APM agent key may or may not have been created", lost[0], w.Username)

	succeed(t, core.Destroy())
	changed("the destruction")
	endsInAnHour(t, w, id)
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
