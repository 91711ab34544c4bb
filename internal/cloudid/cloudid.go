// Package cloudid decodes an Elastic Cloud ID into the addresses of its products.
package cloudid

import (
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
)

const defaultPort = "443"

// Endpoints are the addresses of a deployment, "https://host:port". Kibana is "" where the Cloud ID names none.
type Endpoints struct {
	Elasticsearch string
	Kibana        string
}

var (
	errBase64   = errors.New("the part after the last \":\" is not base64; copy the whole Cloud ID from the deployment's page")
	errParts    = errors.New("the decoded text is not host$elasticsearch[$kibana]; copy the whole Cloud ID from the deployment's page")
	errUnsafe   = errors.New("a host in the Cloud ID holds a character that no host name has, so credentials could be sent elsewhere; get the Cloud ID from the deployment's page")
	errBadPort  = errors.New("a port in the Cloud ID is not a number from 1 to 65535")
	errNoSearch = errors.New("the Cloud ID names no Elasticsearch")
)

// Parse decodes "label:base64(host[:port]$elasticsearch[:port]$kibana[:port])" (contract C). The label is optional and may
// hold colons; the Kibana part may be missing. Errors never quote the Cloud ID.
func Parse(id string) (Endpoints, error) {
	encoded := id[strings.LastIndex(id, ":")+1:]
	decoded, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || encoded == "" {
		return Endpoints{}, errBase64
	}
	parts := strings.Split(string(decoded), "$")
	if len(parts) < 2 || len(parts) > 3 {
		return Endpoints{}, errParts
	}
	host, port, err := split(parts[0], defaultPort)
	if err != nil {
		return Endpoints{}, err
	}
	if host == "" {
		return Endpoints{}, errParts
	}
	var endpoints Endpoints
	if endpoints.Elasticsearch, err = address(parts[1], host, port); err != nil {
		return Endpoints{}, err
	}
	if endpoints.Elasticsearch == "" {
		return Endpoints{}, errNoSearch
	}
	if len(parts) == 3 {
		if endpoints.Kibana, err = address(parts[2], host, port); err != nil {
			return Endpoints{}, err
		}
	}
	return endpoints, nil
}

// address returns the URL of a part, or "" if it names nothing.
func address(part, host, defaultPort string) (string, error) {
	name, port, err := split(part, defaultPort)
	if err != nil || name == "" {
		return "", err
	}
	return "https://" + name + "." + host + ":" + port, nil
}

// split takes "name[:port]" apart and refuses whatever could end the host of a URL early.
func split(part, defaultPort string) (name, port string, err error) {
	name, port, ok := strings.Cut(part, ":")
	if !ok {
		port = defaultPort
	}
	if number, err := strconv.ParseUint(port, 10, 16); err != nil || number == 0 {
		return "", "", errBadPort
	}
	for _, r := range name {
		safe := r == '.' || r == '-' || r == '_' || (r >= '0' && r <= '9') || (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z')
		if !safe {
			return "", "", errUnsafe
		}
	}
	return name, port, nil
}
