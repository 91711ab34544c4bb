package main

import (
	"bytes"
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	administrator = "admin"
	heap          = "-Xms512m -Xmx512m"
	startTimeout  = 3 * time.Minute
	pollInterval  = 250 * time.Millisecond
	logTailLines  = 40
)

// A server is a running Elasticsearch with a data directory of its own.
type server struct {
	url, password string
	directory     string
	process       *exec.Cmd
	exited        chan struct{}
}

// startServer starts the release installed in home and waits until it answers
// its administrator. Everything it writes lies in a new directory below
// cache, which stop removes.
func startServer(ctx context.Context, r release, home, jdk, cache string) (_ *server, err error) {
	owner, err := serverAccount()
	if err != nil {
		return nil, err
	}
	directory, err := os.MkdirTemp(cache, "run-*")
	if err != nil {
		return nil, err
	}
	s := &server{password: rand.Text(), directory: directory}
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	s.url = fmt.Sprintf("http://127.0.0.1:%d", ports[0])
	if err := s.configure(home, ports); err != nil {
		return nil, err
	}
	if err := owner.own(directory); err != nil {
		return nil, err
	}
	err = step("starting Elasticsearch "+r.version, func() error {
		if err := s.launch(r, home, jdk, owner); err != nil {
			return err
		}
		return s.await(ctx)
	})
	if err != nil {
		return nil, fmt.Errorf("starting Elasticsearch %s: %w\n%s", r.version, err, s.logTail())
	}
	// Tokens need more than the basic licence that a new cluster has.
	if err := s.expect(ctx, http.MethodPost, "/_license/start_trial?acknowledge=true", http.StatusOK); err != nil {
		return nil, err
	}
	return s, nil
}

// stop ends the server and removes what it wrote. It kills: nothing of the
// data is to survive, so there is nothing to flush.
func (s *server) stop() {
	if s.process != nil {
		group := -s.process.Process.Pid
		_ = syscall.Kill(group, syscall.SIGKILL)
		<-s.exited
		// The launcher's child is not ours to wait for.
		for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			if errors.Is(syscall.Kill(group, 0), syscall.ESRCH) {
				break
			}
		}
	}
	if err := os.RemoveAll(s.directory); err != nil {
		fmt.Fprintf(os.Stderr, "removing the server's directory: %s\n", err)
	}
}

// configure fills the run's directory: configuration, administrator, and the
// directories that the server wants to find.
func (s *server) configure(home string, ports []uint16) error {
	// MkdirTemp made it for its owner alone; that will be the server.
	for _, name := range []string{"data", "logs", "tmp"} {
		if err := os.Mkdir(s.path(name), 0o700); err != nil {
			return err
		}
	}
	if err := os.CopyFS(s.path("config"), os.DirFS(filepath.Join(home, "config"))); err != nil {
		return err
	}
	options, err := os.ReadFile(s.path("config", "jvm.options"))
	if err != nil {
		return err
	}
	hash, err := passwordHash(s.password)
	if err != nil {
		return err
	}
	settings := strings.Join([]string{
		"network.host: 127.0.0.1",
		fmt.Sprintf("http.port: %d", ports[0]),
		fmt.Sprintf("transport.port: %d", ports[1]),
		"discovery.type: single-node",
		"path.data: " + s.path("data"),
		"path.logs: " + s.path("logs"),
		// A nearly full disk of the developer's is no reason to refuse an index.
		"cluster.routing.allocation.disk.threshold_enabled: false",
		"xpack.security.enabled: true",
		"xpack.security.http.ssl.enabled: false",
		"xpack.security.transport.ssl.enabled: false",
		"xpack.security.authc.api_key.enabled: true",
		"xpack.security.authc.token.enabled: true",
	}, "\n") + "\n"
	for name, content := range map[string][]byte{
		"elasticsearch.yml": []byte(settings),
		"jvm.options":       quietOptions(options),
		"users":             []byte(administrator + ":" + hash + "\n"),
		"users_roles":       []byte("superuser:" + administrator + "\n"),
	} {
		if err := os.WriteFile(s.path("config", name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// launch starts the process; its output goes to a file that logTail reads.
func (s *server) launch(r release, home, jdk string, owner *account) error {
	console, err := os.Create(s.path("console.log"))
	if err != nil {
		return err
	}
	defer console.Close()
	java := filepath.Join(jdk, "bin", "java")
	process := exec.Command(java, r.arguments(home, s.path("config"))...)
	process.Dir = home
	process.Stdout, process.Stderr = console, console
	process.SysProcAttr = owner.attributes()
	process.Env = []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + s.directory,
		"ES_HOME=" + home,
		"ES_PATH_CONF=" + s.path("config"),
		"ES_TMPDIR=" + s.path("tmp"),
		"ES_JAVA_OPTS=" + heap,
		"ES_DISTRIBUTION_TYPE=tar",
		"ES_JAVA_HOME=" + jdk,
		"JAVA_HOME=" + jdk,
		"JAVA=" + java,
		"JAVA_TYPE=ES_JAVA_HOME",
	}
	if err := process.Start(); err != nil {
		return err
	}
	s.process, s.exited = process, make(chan struct{})
	go func() {
		_ = process.Wait() // Whoever cares reads the log.
		close(s.exited)
	}()
	return nil
}

// await returns when the server answers its administrator.
func (s *server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		err := s.expect(ctx, http.MethodGet, "/_security/_authenticate", http.StatusOK)
		if err == nil {
			return nil
		}
		select {
		case <-s.exited:
			return errors.New("the server ended before it was ready")
		case <-ctx.Done():
			return fmt.Errorf("not ready: %w (last answer: %w)", ctx.Err(), err)
		case <-time.After(pollInterval):
		}
	}
}

// expect sends a request as the administrator and fails unless it is answered
// with the status.
func (s *server) expect(ctx context.Context, method, path string, status int) error {
	request, err := http.NewRequestWithContext(ctx, method, s.url+path, http.NoBody)
	if err != nil {
		return err
	}
	request.SetBasicAuth(administrator, s.password)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if response.StatusCode != status {
		return fmt.Errorf("%s %s: %s: %s", method, path, response.Status, body)
	}
	return err
}

// logTail returns the last lines of what the server printed.
func (s *server) logTail() string {
	console, err := os.ReadFile(s.path("console.log"))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(console)), "\n")
	return "The server's last output:\n" + strings.Join(lines[max(0, len(lines)-logTailLines):], "\n")
}

func (s *server) path(elements ...string) string {
	return filepath.Join(append([]string{s.directory}, elements...)...)
}

// quietOptions returns the JVM options without those that make the JVM write
// files below the installation, which the server may not change.
func quietOptions(options []byte) []byte {
	var kept []byte
	for line := range bytes.Lines(options) {
		if bytes.Contains(line, []byte("-Xlog:")) || bytes.Contains(line, []byte("HeapDump")) || bytes.Contains(line, []byte("ErrorFile")) {
			continue
		}
		kept = append(kept, line...)
	}
	return kept
}

// passwordHash returns the password in the one of the file realm's formats
// that the standard library can make.
func passwordHash(password string) (string, error) {
	const iterations, size = 10000, 32
	salt := make([]byte, size)
	_, _ = rand.Read(salt) // Never fails.
	key, err := pbkdf2.Key(sha512.New, password, salt, iterations, size)
	if err != nil {
		return "", err
	}
	encode := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("{PBKDF2}%d$%s$%s", iterations, encode(salt), encode(key)), nil
}

// freePorts returns ports of the loopback that nobody listened on.
func freePorts(count int) ([]uint16, error) {
	var ports []uint16
	var listeners []net.Listener
	// They are closed together, so that no two get the same.
	defer func() {
		for _, listener := range listeners {
			_ = listener.Close() // Nobody connected.
		}
	}()
	for range count {
		listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			return nil, err
		}
		listeners = append(listeners, listener)
		ports = append(ports, netip.MustParseAddrPort(listener.Addr().String()).Port())
	}
	return ports, nil
}
