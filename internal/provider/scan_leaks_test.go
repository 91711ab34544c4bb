package provider_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
)

// mayHold are the files in which Terraform keeps the state and saved plans, secrets included.
var mayHold = []string{"terraform.tfstate", "terraform.tfstate.backup", "saved.tfplan"}

// leaks reads every file below dir and says where which secret is. In what `terraform show -json` prints, files named
// *.show.out, values that Terraform marks sensitive are left out. allowed takes out of a file what a test accepts there.
func leaks(dir string, secrets *acctest.Secrets, allowed func(file, content string) string) ([]string, error) {
	var found []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || slices.Contains(mayHold, entry.Name()) {
			return err
		}
		bytes, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		content := string(bytes)
		if strings.HasSuffix(path, ".show.out") {
			if content, err = withoutSensitive(content); err != nil {
				return fmt.Errorf("%s: %w", entry.Name(), err)
			}
		}
		for _, name := range secrets.In(allowed(entry.Name(), content)) {
			found = append(found, entry.Name()+" holds "+name)
		}
		return nil
	})
	return found, err
}

// withoutSensitive returns a document of `terraform show -json` without the values that it marks sensitive. A variable is
// marked in the configuration alone: its value is printed all the same, which no provider can prevent.
func withoutSensitive(text string) (string, error) {
	var document map[string]any
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		return "", err
	}
	variables, _ := document["variables"].(map[string]any)
	declared := within(document, "configuration", "root_module", "variables")
	for name, variable := range variables {
		declaration, _ := declared[name].(map[string]any)
		if value, ok := variable.(map[string]any); ok && declaration["sensitive"] == true {
			delete(value, "value")
		}
	}
	left, err := json.Marshal(unmarked(document))
	return string(left), err
}

func within(document map[string]any, names ...string) map[string]any {
	for _, name := range names {
		document, _ = document[name].(map[string]any)
	}
	return document
}

// unmarked leaves out of a value, at any depth, what stands beside a mark.
func unmarked(value any) any {
	switch value := value.(type) {
	case []any:
		for i := range value {
			value[i] = unmarked(value[i])
		}
	case map[string]any:
		for marked, mark := range map[string]string{"values": "sensitive_values", "before": "before_sensitive", "after": "after_sensitive", "value": "sensitive"} {
			if held, ok := value[marked]; ok {
				value[marked] = without(held, value[mark])
			}
		}
		for name := range value {
			value[name] = unmarked(value[name])
		}
	}
	return value
}

// without leaves out of a value what the marks, which have its shape, call true.
func without(value, marks any) any {
	switch marks := marks.(type) {
	case bool:
		if marks {
			return nil
		}
	case map[string]any:
		if object, ok := value.(map[string]any); ok {
			for name, mark := range marks {
				object[name] = without(object[name], mark)
			}
		}
	case []any:
		if list, ok := value.([]any); ok {
			for i := range min(len(list), len(marks)) {
				list[i] = without(list[i], marks[i])
			}
		}
	}
	return value
}

func TestScan_findsAPlantedLeakWhereverItIs(t *testing.T) {
	t.Parallel()
	const secret = "correct horse battery staple"
	secrets := &acctest.Secrets{}
	secrets.Add("the secret", secret)
	state := func(values, marks string) string {
		return `{"values":{"root_module":{"child_modules":[{"resources":[{"values":` + values + `,"sensitive_values":` + marks + `}]}]}}}`
	}
	change := func(side, value, mark string) string {
		return fmt.Sprintf(`{"resource_changes":[{"change":{%q:%s,%q:%s}}]}`, side, value, side+"_sensitive", mark)
	}
	for name, test := range map[string]struct {
		file, content string
		leak          bool
	}{
		"log":                         {"plan.log", "2026 [TRACE] provider: password=" + secret, true},
		"plan":                        {"plan.out", `+ password = "` + secret + `"`, true},
		"standard error":              {"plan.err", secret, true},
		"half":                        {"plan.err", secret[:14], true},
		"directory below":             {"deep/er/crash.log", secret, true},
		"state file":                  {"terraform.tfstate", secret, false},
		"saved plan":                  {"saved.tfplan", secret, false},
		"file named like a state":     {"terraform.tfstate.copy", secret, true},
		"marked in a state":           {"s.show.out", state(`{"a":"`+secret+`"}`, `{"a":true}`), false},
		"unmarked in a state":         {"s.show.out", state(`{"a":"`+secret+`"}`, `{"b":true}`), true},
		"mark false":                  {"s.show.out", state(`{"a":"`+secret+`"}`, `{"a":false}`), true},
		"marked element of a list":    {"s.show.out", state(`{"a":["x","`+secret+`"]}`, `{"a":[false,true]}`), false},
		"unmarked element of a list":  {"s.show.out", state(`{"a":["x","`+secret+`"]}`, `{"a":[true]}`), true},
		"marked in a plan":            {"p.show.out", change("after", `{"a":"`+secret+`"}`, `{"a":true}`), false},
		"marked as a whole":           {"p.show.out", change("before", `"`+secret+`"`, `true`), false},
		"unmarked in a plan":          {"p.show.out", change("before", `{"a":"`+secret+`"}`, `{}`), true},
		"marked on the other side":    {"p.show.out", `{"before":"` + secret + `","before_sensitive":false,"after_sensitive":true}`, true},
		"sensitive output":            {"p.show.out", `{"planned_values":{"outputs":{"o":{"sensitive":true,"value":"` + secret + `"}}}}`, false},
		"output":                      {"p.show.out", `{"planned_values":{"outputs":{"o":{"sensitive":false,"value":"` + secret + `"}}}}`, true},
		"sensitive variable":          {"p.show.out", `{"variables":{"v":{"value":"` + secret + `"}},"configuration":{"root_module":{"variables":{"v":{"sensitive":true}}}}}`, false},
		"variable":                    {"p.show.out", `{"variables":{"v":{"value":"` + secret + `"}},"configuration":{"root_module":{"variables":{"v":{}}}}}`, true},
		"configuration":               {"p.show.out", `{"configuration":{"provider_config":{"apm":{"expressions":{"constant_value":"` + secret + `"}}}}}`, true},
		"beside what the test allows": {"import.out", "ID " + secret + "\n" + secret, true},
		"what the test allows":        {"import.out", "ID " + secret, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, test.file)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(test.content), 0o600); err != nil {
				t.Fatal(err)
			}
			found, err := leaks(dir, secrets, func(_, content string) string { return strings.Replace(content, "ID "+secret, "", 1) })
			if err != nil {
				t.Fatal(err)
			}
			if leak := len(found) > 0; leak != test.leak {
				t.Errorf("found %q", found)
			}
		})
	}
}
