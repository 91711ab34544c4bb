package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// A jdkRange holds the major versions of Java that a release runs on; max 0
// means no upper bound is known.
type jdkRange struct {
	min, max int
}

// missingError says that something has to be installed before this command can
// do its work.
type missingError struct {
	what string
}

func (e *missingError) Error() string { return e.what }

func (r jdkRange) String() string {
	if r.max == 0 {
		return fmt.Sprintf("%d or later", r.min)
	}
	return fmt.Sprintf("%d to %d", r.min, r.max)
}

func (r jdkRange) contains(major int) bool {
	return major >= r.min && (r.max == 0 || major <= r.max)
}

// findJDK returns the home of the first of the candidates that is a JDK in
// the range. Its error lists what was found instead.
func findJDK(wanted jdkRange, candidates []string) (string, error) {
	var found []string
	for _, home := range candidates {
		major, err := jdkMajor(home)
		if err != nil {
			continue
		}
		if wanted.contains(major) {
			return home, nil
		}
		found = append(found, fmt.Sprintf("%d in %s", major, home))
	}
	instead := "no JDK was found"
	if len(found) > 0 {
		instead = "found only " + strings.Join(found, ", ")
	}
	return "", &missingError{fmt.Sprintf("a JDK of version %s is needed (%s): install one, or name its directory in ES_JAVA_HOME", wanted, instead)}
}

// jdkCandidates lists the directories in which a JDK may lie, the user's own
// choice first.
func jdkCandidates() []string {
	candidates := []string{os.Getenv("ES_JAVA_HOME"), os.Getenv("JAVA_HOME")}
	if java, err := exec.LookPath("java"); err == nil {
		if java, err = filepath.EvalSymlinks(java); err == nil {
			home := filepath.Dir(filepath.Dir(java))
			candidates = append(candidates, home)
			candidates = append(candidates, glob(filepath.Join(filepath.Dir(home), "*"))...)
		}
	}
	candidates = append(candidates, glob("/usr/lib/jvm/*")...)
	return append(candidates, glob("/Library/Java/JavaVirtualMachines/*/Contents/Home")...)
}

// jdkMajor reads the major version of the JDK in home from its release file;
// it fails where home is no JDK with a java command.
func jdkMajor(home string) (int, error) {
	if home == "" {
		return 0, os.ErrNotExist
	}
	if _, err := exec.LookPath(filepath.Join(home, "bin", "java")); err != nil {
		return 0, err
	}
	file, err := os.Open(filepath.Join(home, "release"))
	if err != nil {
		return 0, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if version, ok := strings.CutPrefix(lines.Text(), "JAVA_VERSION="); ok {
			major, _, _ := strings.Cut(strings.Trim(version, `"`), ".")
			return strconv.Atoi(major)
		}
	}
	return 0, fmt.Errorf("%s names no JAVA_VERSION", file.Name())
}

func glob(pattern string) []string {
	matches, _ := filepath.Glob(pattern) // Fails only on a malformed pattern.
	return matches
}
