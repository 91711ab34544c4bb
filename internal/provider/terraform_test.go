package provider_test

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/compare"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
)

// address is where the configurations of these tests have their key.
const address = "apm_agent_key.checkout"

// resourceBlock is the configuration of a key, with more lines in it.
func resourceBlock(name, more string) string {
	return fmt.Sprintf(`
resource "apm_agent_key" "checkout" {
  name       = %q
  privileges = ["event:write", "config_agent:read"]
  %s
}
`, name, more)
}

// at is the path of an attribute.
func at(name string) tfjsonpath.Path { return tfjsonpath.New(name) }

// TestAccTerraform_tellsTheWholeStory runs the real Terraform, where warnings cannot be seen: the tests of Core see them.
func TestAccTerraform_tellsTheWholeStory(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	const createFirst = "lifecycle { create_before_destroy = true }"
	first, second := w.Config(resourceBlock("checkout", createFirst)), w.Config(resourceBlock("checkout-2", createFirst))
	differs := statecheck.CompareValue(compare.ValuesDiffer())
	works := func() []statecheck.StateCheck {
		return []statecheck.StateCheck{differs.AddStateValue(address, at("id")), w.ExpectWorkingKey(address), w.ExpectLiveKeys(1)}
	}
	planned := func(action plancheck.ResourceActionType) resource.ConfigPlanChecks {
		return resource.ConfigPlanChecks{
			PreApply:             []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, action)},
			PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
		}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: w.Factories(),
		CheckDestroy:             w.CheckDestroy,
		Steps: []resource.TestStep{
			{
				Config:           first,
				ConfigPlanChecks: planned(plancheck.ResourceActionCreate),
				ConfigStateChecks: append([]statecheck.StateCheck{
					statecheck.ExpectSensitiveValue(address, at("id")),
					statecheck.ExpectSensitiveValue(address, at("api_key")),
					statecheck.ExpectSensitiveValue(address, at("encoded")),
					statecheck.ExpectKnownValue(address, at("name"), knownvalue.StringExact("checkout")),
					statecheck.ExpectKnownValue(address, at("expiration"), knownvalue.Null()),
				}, works()...),
			},
			{
				ResourceName: address, ImportState: true, ImportStateVerify: true,
				ImportStateVerifyIgnore: []string{"api_key", "encoded"},
			},
			{
				ResourceName: address, ImportState: true, ImportStateVerify: true,
				ImportStateIdFunc: func(state *terraform.State) (string, error) {
					return state.RootModule().Resources[address].Primary.Attributes["encoded"], nil
				},
			},
			{
				Config:            second,
				ConfigPlanChecks:  planned(plancheck.ResourceActionCreateBeforeDestroy),
				ConfigStateChecks: works(),
			},
			{
				PreConfig:          func() { revoke(t, w, w.LiveKeys(t)[0]) },
				RefreshState:       true,
				ExpectNonEmptyPlan: true,
				RefreshPlanChecks: resource.RefreshPlanChecks{
					PostRefresh: []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, plancheck.ResourceActionCreate)},
				},
			},
			{
				Config:            second,
				ConfigPlanChecks:  planned(plancheck.ResourceActionCreate),
				ConfigStateChecks: works(),
			},
			{
				Config:            w.Config(resourceBlock("checkout-3", "")),
				ConfigPlanChecks:  planned(plancheck.ResourceActionDestroyBeforeCreate),
				ConfigStateChecks: works(),
			},
			{
				Config:            w.Config(""),
				ConfigStateChecks: []statecheck.StateCheck{w.ExpectLiveKeys(0)},
			},
		},
	})
}

// What can be changed in place must keep the secret, or every agent would have to be told of a new one.
func TestAccTerraform_changesInPlaceWhatItCanAndReplacesTheRest(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	key := func(privileges, life, release string) string {
		return w.Config(fmt.Sprintf(`
resource "apm_agent_key" "checkout" {
  name                = "checkout"
  privileges          = [%s]
  expires_in          = %q
  rotate_when_changed = { release = %q }
}
`, privileges, life, release))
	}
	const less, both = `"event:write"`, `"event:write", "config_agent:read"`
	same, another := statecheck.CompareValue(compare.ValuesSame()), statecheck.CompareValue(compare.ValuesDiffer())
	kept := func() statecheck.StateCheck { return same.AddStateValue(address, at("encoded")) }
	renewed := func() statecheck.StateCheck { return another.AddStateValue(address, at("encoded")) }
	step := func(config string, action plancheck.ResourceActionType, life time.Duration, checks ...statecheck.StateCheck) resource.TestStep {
		return resource.TestStep{
			Config: config,
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply:             []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, action)},
				PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
			},
			ConfigStateChecks: append(checks, w.ExpectWorkingKey(address), w.ExpectLife(address, life), w.ExpectLiveKeys(1)),
		}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: w.Factories(),
		CheckDestroy:             w.CheckDestroy,
		Steps: []resource.TestStep{
			step(key(both, "30d", "1"), plancheck.ResourceActionCreate, 30*day, kept()),
			step(key(both, "60d", "1"), plancheck.ResourceActionUpdate, 60*day, kept()),
			step(key(both, "20d", "1"), plancheck.ResourceActionUpdate, 20*day, kept()),
			step(key(less, "20d", "1"), plancheck.ResourceActionUpdate, 20*day, kept()),
			step(key(both, "20d", "1"), plancheck.ResourceActionUpdate, 20*day, kept(), renewed()),
			step(key(both, "20d", "2"), plancheck.ResourceActionReplace, 20*day, renewed()),
		},
	})
}

func TestAccTerraform_takesEndpointsAndPasswordsMadeInTheSameRun(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	made := fmt.Sprintf(`
resource "terraform_data" "stack" {
  input = { kibana = %q, elasticsearch = %q, password = %q }
}

provider "apm" {
  kibana {
    endpoint = terraform_data.stack.output.kibana
    username = %q
    password = terraform_data.stack.output.password
  }
  elasticsearch {
    endpoints = [terraform_data.stack.output.elasticsearch]
  }
}
`, w.KibanaURL(), w.ElasticsearchURL(), w.Password, w.Username) + resourceBlock("checkout", "")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: w.Factories(),
		CheckDestroy:             w.CheckDestroy,
		Steps: []resource.TestStep{{
			Config: made,
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(address, plancheck.ResourceActionCreate),
					plancheck.ExpectUnknownValue(address, at("encoded")),
					plancheck.ExpectSensitiveValue(address, at("encoded")),
				},
				PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
			},
			ConfigStateChecks: []statecheck.StateCheck{w.ExpectWorkingKey(address), w.ExpectLiveKeys(1)},
		}},
	})
}

func TestAccTerraform_refusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	user := w.Basic(w.Username, w.Password)
	key := resourceBlock("checkout", "")
	unexpected := func(name string) *regexp.Regexp {
		return regexp.MustCompile(`An argument named\s+"` + name + `"\s+is not expected here`)
	}
	var steps []resource.TestStep
	for config, failure := range map[string]*regexp.Regexp{
		w.ConfigAs(user+"\n ca_fingreprint = \"0a\"", "", key):                            unexpected("ca_fingreprint"),
		w.ConfigAs(user, "endpoint = \"https://es.example\"", key):                        unexpected("endpoint"),
		w.Config(resourceBlock("checkout", "timeouts {\n creat = \"1m\"\n}")):             unexpected("creat"),
		w.Config(resourceBlock("_checkout", "")):                                          regexp.MustCompile(`Invalid agent key name`),
		w.ConfigAs("api_key = \""+"aWQ6a2V5"+"\"", "", key):                               regexp.MustCompile(`Unable to create APM agent keys with an API key`),
		w.ConfigAs(user+"\n bearer_token = \"x\"", "", key):                               regexp.MustCompile(`Invalid Attribute Combination`),
		`provider "apm" {}` + key:                                                         regexp.MustCompile(`Missing Kibana endpoint`),
		"provider \"apm\" {\n elasticsearch {\n endpoints = [\"es.example\"]\n}\n}" + key: regexp.MustCompile(`Invalid endpoint`),
	} {
		steps = append(steps, resource.TestStep{Config: config, PlanOnly: true, ExpectError: failure})
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: w.Factories(),
		CheckDestroy: func(*terraform.State) error {
			if sent := w.Sent(); len(sent) > 0 {
				return fmt.Errorf("requests were sent: %v", sent)
			}
			return nil
		},
		Steps: steps,
	})
}
