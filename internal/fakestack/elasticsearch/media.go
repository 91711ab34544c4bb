package elasticsearch

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
)

const (
	jsonType     = "application/json"
	vendoredType = "application/vnd.elasticsearch+json"
)

// negotiate checks the media types of a request and returns that of the answer. Elasticsearch
// serves its own major version and the one before (contract B8 and E).
func (s *Server) negotiate(header http.Header, hasBody bool) (string, error) {
	accept, contentType := header.Get("Accept"), header.Get("Content-Type")
	acceptKind, parameters := mediaType(accept)
	if failure := s.checkVersion("Accept", accept, parameters["compatible-with"]); failure != nil {
		return "", failure
	}
	if hasBody {
		contentKind, content := mediaType(contentType)
		if failure := s.checkVersion("Content-Type", contentType, content["compatible-with"]); failure != nil {
			return "", failure
		}
		if contentKind == "" {
			return "", &apiError{
				status: http.StatusNotAcceptable, plain: true, stated: true,
				reason: "Content-Type header [" + contentType + "] is not supported",
			}
		}
		if content["compatible-with"] != parameters["compatible-with"] {
			if accept == "" {
				accept = "null"
			}
			return "", mediaTypeFailure("A compatible version is required on both Content-Type and Accept headers if either one has " +
				"requested a compatible version and the compatible versions must match. Accept=" + accept + ", Content-Type=" + contentType)
		}
	}
	if acceptKind == "" {
		return jsonType, nil
	}
	var acceptKindSb45 strings.Builder
	for _, name := range []string{"compatible-with", "charset"} {
		if value := parameters[name]; value != "" {
			acceptKindSb45.WriteString(";" + name + "=" + value)
		}
	}
	acceptKind += acceptKindSb45.String()
	return acceptKind, nil
}

// mediaType returns the JSON type that a header names, "" when it names none, and its parameters.
func mediaType(value string) (string, map[string]string) {
	kind, parameters, err := mime.ParseMediaType(value)
	if err != nil || (kind != jsonType && kind != vendoredType) {
		return "", nil
	}
	return kind, parameters
}

// checkVersion refuses a compatible-with that the server does not serve.
func (s *Server) checkVersion(name, value, version string) *apiError {
	major, _ := strconv.Atoi(strings.SplitN(s.version, ".", 2)[0])
	if version == "" || version == strconv.Itoa(major) || version == strconv.Itoa(major-1) {
		return nil
	}
	return mediaTypeFailure(name + " version must be either version " + strconv.Itoa(major) + " or " +
		strconv.Itoa(major-1) + ", but found " + version + ". " + name + "=" + value)
}

func mediaTypeFailure(why string) *apiError {
	failure := badRequest("media_type_header_exception", "Invalid media-type value on headers [Content-Type, Accept]")
	failure.cause = &apiError{kind: "status_exception", reason: why}
	return failure
}
