package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFindJDK_takesTheFirstCandidateInRange(t *testing.T) {
	old, new17, newer := fakeJDK(t, "11.0.2"), fakeJDK(t, "17.0.15"), fakeJDK(t, "25")
	candidates := []string{"", t.TempDir(), old, newer, new17}

	for _, test := range []struct {
		name   string
		wanted jdkRange
		home   string
	}{
		{"bounded", jdkRange{min: 17, max: 22}, new17},
		{"unbounded", jdkRange{min: 17}, newer},
		{"exact minimum", jdkRange{min: 25}, newer},
	} {
		t.Run(test.name, func(t *testing.T) {
			home, err := findJDK(test.wanted, candidates)
			if err != nil || home != test.home {
				t.Errorf("findJDK = %q, %v; want %q", home, err, test.home)
			}
		})
	}
}

func TestFindJDK_tellsWhatIsMissing(t *testing.T) {
	found := fakeJDK(t, "17.0.15")
	_, err := findJDK(jdkRange{min: 25}, []string{found})
	if _, ok := errors.AsType[*missingError](err); !ok {
		t.Fatalf("findJDK failed with %v, want an *missingError", err)
	}
	for _, part := range []string{"25 or later", "17 in " + found, "ES_JAVA_HOME"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error %q does not mention %q", err, part)
		}
	}
}

func TestFindJDK_ignoresARuntimeWithoutJavaCommand(t *testing.T) {
	home := fakeJDK(t, "25")
	if err := os.Remove(filepath.Join(home, "bin", "java")); err != nil {
		t.Fatal(err)
	}
	if got, err := findJDK(jdkRange{min: 25}, []string{home}); err == nil {
		t.Errorf("findJDK = %q, want an error", got)
	}
}

// fakeJDK returns a directory that looks like a JDK of the version.
func fakeJDK(t *testing.T, version string) string {
	t.Helper()
	home := t.TempDir()
	if err := os.Mkdir(filepath.Join(home, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "bin", "java"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	release := "IMPLEMENTOR=\"someone\"\nJAVA_VERSION=\"" + version + "\"\n"
	if err := os.WriteFile(filepath.Join(home, "release"), []byte(release), 0o644); err != nil {
		t.Fatal(err)
	}
	return home
}
