package transport_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/elastic/terraform-provider-apm/internal/apierror"
	"github.com/elastic/terraform-provider-apm/internal/credential"
	"github.com/elastic/terraform-provider-apm/internal/secret"
	"github.com/elastic/terraform-provider-apm/internal/transport"
	"github.com/elastic/terraform-provider-apm/internal/transport/transporttest"
)

const maxBody = 16 << 20

func TestDo_boundsTheAnswer(t *testing.T) {
	squeeze := func(n int) []byte {
		var squeezed bytes.Buffer
		writer := gzip.NewWriter(&squeezed)
		_, _ = writer.Write(make([]byte, n))
		_ = writer.Close()
		return squeezed.Bytes()
	}
	// Compressed data may be concatenated, and unpacks to the whole.
	squeezed := append(bytes.Repeat(squeeze(maxBody/16), 16), squeeze(1)...)
	tests := map[string]struct {
		encoding string
		body     []byte
		fits     bool
	}{
		"as large as it may be":     {"", make([]byte, maxBody), true},
		"one byte more, compressed": {"gzip", squeezed, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
				if test.encoding != "" {
					w.Header().Set("Content-Encoding", test.encoding)
				}
				_, _ = w.Write(test.body)
			})
			answer, err := post(t.Context(), t, newClient(t, transport.Config{}, s.URL), transport.Repeatable)
			mustCount(t, s, 1)
			if test.fits {
				if err != nil || len(answer.Body) != maxBody {
					t.Errorf("refused: %v", err)
				}
				return
			}
			if failure := transporttest.FailureOf(t, err, apierror.ErrWrongAnswer); !failure.Undecided || !strings.Contains(failure.Error(), "larger than 16 MiB") {
				t.Errorf("undecided %t: %v", failure.Undecided, failure)
			}
		})
	}
}

// What is beyond the bound is not read: the answer below would fill the memory.
func TestDo_readsNoFurtherThanTheBound(t *testing.T) {
	s := newServer(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		blanks := make([]byte, 1<<20)
		for sent := 0; sent < 4*maxBody && r.Context().Err() == nil; sent += len(blanks) {
			_, _ = w.Write(blanks)
		}
		<-r.Context().Done()
	})
	_, err := post(t.Context(), t, newClient(t, transport.Config{RequestTimeout: 20 * time.Second}, s.URL), transport.OnlyUndelivered)
	mustFail(t, err, apierror.ErrWrongAnswer)
}

func TestDo_cutsAnAnswerThatNeverEnds(t *testing.T) {
	s := newServer(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		for r.Context().Err() == nil {
			_, _ = w.Write([]byte(" "))
			_ = http.NewResponseController(w).Flush()
			time.Sleep(time.Millisecond)
		}
	})
	_, err := post(t.Context(), t, newClient(t, transport.Config{RequestTimeout: 2 * time.Second}, s.URL), transport.OnlyUndelivered)
	if failure := transporttest.FailureOf(t, err, apierror.ErrTimeout); !failure.Undecided || failure.Status != 0 {
		t.Errorf("undecided %t, status %d", failure.Undecided, failure.Status)
	}
	mustCount(t, s, 1)
}

func TestDo_triesASilentServerFourTimes(t *testing.T) {
	s := newServer(t, func(_ http.ResponseWriter, r *http.Request, _ int) { <-r.Context().Done() })
	_, err := post(t.Context(), t, newClient(t, transport.Config{RequestTimeout: 2 * time.Second}, s.URL), transport.Repeatable)
	if failure := transporttest.FailureOf(t, err, apierror.ErrTimeout); !failure.Undecided {
		t.Error("the request is not undecided although it arrived")
	}
	mustCount(t, s, 4)
}

// A redirect would take the credentials, and a create, to wherever the answer says.
func TestDo_followsNoRedirect(t *testing.T) {
	const password = "pa55word"
	elsewhere := newServer(t, always(200, ""))
	for _, status := range []int{301, 302, 303, 307, 308} {
		for name, location := range map[string]string{
			"another host": strings.Replace(elsewhere.URL, "http://", "http://user:"+password+"@", 1) + "/login?token=" + password,
			"same host":    "/login", "nowhere": "", "unreadable": ":",
		} {
			t.Run(strconv.Itoa(status)+" "+name, func(t *testing.T) {
				s := newServer(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
					w.Header().Set("Location", location)
					w.WriteHeader(status)
				})
				config := transport.Config{Credential: credential.NewBasic("user", secret.New(password))}
				_, err := post(t.Context(), t, newClient(t, config, s.URL), transport.Repeatable)
				failure := transporttest.FailureOf(t, err, apierror.ErrRedirect)
				if failure.Undecided || failure.Status != status {
					t.Errorf("undecided %t, status %d", failure.Undecided, failure.Status)
				}
				if name == "another host" && !strings.Contains(failure.Reason, elsewhere.URL+"/login;") {
					t.Errorf("the error does not say where to: %v", failure)
				}
				if strings.Contains(failure.Error(), password) {
					t.Error("the error shows the password")
				}
				mustCount(t, s, 1)
			})
		}
	}
	mustCount(t, elsewhere, 0)
}

func TestDo_scrubsCredentialsThatTheServerEchoes(t *testing.T) {
	const apiKey = "VnVhQ2ZHY0JDZGJrUW0tZTVhT3g6dWkybHAyYXhUTm1zeWFrdzl0dk5udw=="
	tests := map[string]struct {
		credential credential.Credential
		secrets    []string
	}{
		"password": {credential.NewBasic("terraform", secret.New("pa55word")), []string{"pa55word", "dGVycmFmb3JtOnBhNTV3b3Jk"}},
		"token":    {credential.NewBearer(secret.New("t0ken")), []string{"t0ken"}},
		"API key":  {credential.NewAPIKey(secret.New(apiKey)), []string{apiKey, "ui2lp2axTNmsyakw9tvNnw"}},
	}
	explain := func(failure *apierror.Error, answer *transport.Answer) {
		failure.Reason, failure.Type = string(answer.Body), string(answer.Body)
	}
	for name, test := range tests {
		for _, status := range []int{307, 400, 401, 500} {
			t.Run(name+" "+strconv.Itoa(status), func(t *testing.T) {
				s := newServer(t, func(w http.ResponseWriter, r *http.Request, _ int) {
					w.Header().Set("Location", "http://elsewhere.invalid/"+strings.Join(test.secrets, "/"))
					w.WriteHeader(status)

					_, _ = io.WriteString(w, "you sent "+r.Header.Get("Authorization")+", that is "+strings.Join(test.secrets, " or "))
				})
				// The credentials of a client that shares the connections are scrubbed too.
				client := newClient(t, transport.Config{Credential: test.credential, Explain: explain}, s.URL)
				for _, client := range []*transport.Client{client, client.As(credential.NewBearer(secret.New("other")))} {
					_, err := post(t.Context(), t, client, transport.OnlyUndelivered)
					if err == nil || !strings.Contains(err.Error(), secret.Redacted) {
						t.Fatal("the server's words are not in the error")
					}
					for i, s := range test.secrets {
						if strings.Contains(err.Error(), s) {
							t.Errorf("form %d of the secret is in the error", i)
						}
					}
				}
			})
		}
	}
}

func TestDo_refusesACredentialThatNoHeaderCanCarry(t *testing.T) {
	s := newServer(t, always(200, ""))
	for name, c := range map[string]credential.Credential{
		"line break": credential.NewBearer(secret.New("t0ken\n")),
		"header":     credential.NewAPIKey(secret.New("key\r\nX-Injected: 1")),
		"NUL":        credential.NewBearer(secret.New("t0\x00ken")),
	} {
		clock := newClock()
		_, err := post(t.Context(), t, newClient(t, transport.Config{Credential: c, Clock: clock}, s.URL), transport.Repeatable)
		failure := transporttest.FailureOf(t, err, apierror.ErrBadRequest)
		if !failure.Undelivered || !strings.Contains(failure.Reason, "line break") || len(clock.pauses) > 0 {
			t.Errorf("%s: undelivered %t, pauses %v: %v", name, failure.Undelivered, clock.pauses, failure)
		}
	}
	mustCount(t, s, 0)
	config := transport.Config{Credential: credential.NewBasic("user", secret.New("pass\nword"))}
	if _, err := post(t.Context(), t, newClient(t, config, s.URL), transport.Repeatable); err != nil {
		t.Errorf("a password may hold a line break, it is sent as base64: %v", err)
	}
}

func TestClean_leavesNothingThatForgesOutput(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"plain":               {"plain words, ünïcödé, 日本語, 🔑", "plain words, ünïcödé, 日本語, 🔑"},
		"line breaks":         {"\r\none\ntwo\r\n\tthree\v\f\u0085\u2028four\u2029 ", "one two three four"},
		"escape sequences":    {"\x1b[2J\x1b]0;title\a", "�[2J�]0;title�"},
		"control characters":  {"a\x00b\x08c\x7fd\u009be", "a�b�c�d�e"},
		"bidirectional":       {"\u202eevil\u202c \u2066x\u2069 \u200e", "�evil� �x� �"},
		"invisible":           {"a\u200bb\u00adc\ufeffd\U000e0041e", "a�b�c�d�e"},
		"no UTF-8":            {"a\xffb\xc3", "a�b�"},
		"replacement as sent": {"a\ufffdb", "a�b"},
		"empty":               {"", ""},
		"blanks alone":        {" \n ", ""},
		"long":                {strings.Repeat("x", 2049), strings.Repeat("x", 2048) + "…"},
		"as long as it may":   {strings.Repeat("x", 2048), strings.Repeat("x", 2048)},
		"cut in a character":  {"x" + strings.Repeat("é", 1024), "x" + strings.Repeat("é", 1023) + "…"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := transport.Clean(test.text); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

func TestDo_cleansTheServersWords(t *testing.T) {
	s := newServer(t, always(400, "\x1b[31mred\r\n\u202eevil"))
	explain := func(failure *apierror.Error, answer *transport.Answer) {
		failure.Reason, failure.Type = string(answer.Body), string(answer.Body)
	}
	_, err := post(t.Context(), t, newClient(t, transport.Config{Explain: explain}, s.URL), transport.Repeatable)
	failure := transporttest.FailureOf(t, err, apierror.ErrBadRequest)
	if want := "�[31mred �evil"; failure.Reason != want || failure.Type != want {
		t.Errorf("reason %q, type %q, want %q", failure.Reason, failure.Type, want)
	}
}

func FuzzClean(f *testing.F) {
	for _, text := range []string{"", "plain", "\x1b[2J\r\n\u202e", "\xff\xc3", strings.Repeat("é", 2048), "\u2028\u0085\u200b"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := transport.Clean(text)
		if len(got) > 2048+len("…") || !utf8.ValidString(got) || got != strings.TrimSpace(got) {
			t.Fatalf("%d bytes, valid %t", len(got), utf8.ValidString(got))
		}
		if strings.ContainsFunc(got, func(r rune) bool {
			return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || (unicode.IsSpace(r) && r != ' ')
		}) {
			t.Fatalf("%q can forge output", got)
		}
		if len(got) < 2048 && transport.Clean(got) != got {
			t.Fatal("what is clean is changed")
		}
	})
}
