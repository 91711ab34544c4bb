package main

import "testing"

func TestQuietOptions_dropsWhatWritesBelowTheInstallation(t *testing.T) {
	options := "# comment\n-XX:+UseG1GC\n-Xlog:gc*:file=logs/gc.log\n-XX:+HeapDumpOnOutOfMemoryError\n-XX:HeapDumpPath=data\n-XX:ErrorFile=logs/hs.log\n-Djava.io.tmpdir=${ES_TMPDIR}\n"
	want := "# comment\n-XX:+UseG1GC\n-Djava.io.tmpdir=${ES_TMPDIR}\n"
	if got := string(quietOptions([]byte(options))); got != want {
		t.Errorf("quietOptions = %q, want %q", got, want)
	}
}
