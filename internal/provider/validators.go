package provider

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/elastic/terraform-provider-apm/internal/agentkey"
)

// textValidator applies a rule of the domain to a text that is known.
type textValidator struct {
	description string
	summary     string
	check       func(text string) error // its error says what is wrong and what is expected
}

var _ validator.String = textValidator{}

// Description implements validator.String.
func (v textValidator) Description(context.Context) string { return v.description }

// MarkdownDescription implements validator.String.
func (v textValidator) MarkdownDescription(context.Context) string { return v.description }

// ValidateString implements validator.String.
func (v textValidator) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if err := v.check(req.ConfigValue.ValueString()); err != nil {
		resp.Diagnostics.AddAttributeError(req.Path, v.summary, sentence(err.Error()))
	}
}

func endpointValidator() validator.String {
	return textValidator{"a URL with scheme and host, such as https://kibana.example:5601", "Invalid endpoint", func(text string) error {
		if _, err := parseEndpoint(text); err != nil {
			return fmt.Errorf("the endpoint cannot be used: %w", err)
		}
		return nil
	}}
}

func durationValidator() validator.String {
	return textValidator{"a whole number with a unit of d, h, m or s", "Invalid duration", func(text string) error {
		_, err := agentkey.ParseDuration(text)
		return err
	}}
}

func nameValidator() validator.String {
	return textValidator{
		"1 to 256 characters, without a leading underscore and without blanks at the edges", "Invalid agent key name", agentkey.CheckName,
	}
}

var spaceID = regexp.MustCompile(`^[a-z0-9_-]+$`)

func spaceValidator() validator.String {
	return stringvalidator.RegexMatches(spaceID, "must be the id of a space, as in the URL after /s/: lower-case letters, digits, _ and -")
}

// parseEndpoint accepts a URL that says where to connect and nothing else. Errors do not quote it: it may hold a password.
func parseEndpoint(text string) (*url.URL, error) {
	endpoint, err := url.Parse(text)
	switch {
	case err != nil, endpoint.Scheme != "http" && endpoint.Scheme != "https":
		return nil, errors.New("it must be a URL that begins with https:// or http://, such as https://kibana.example:5601")
	case endpoint.Hostname() == "":
		return nil, errors.New("it names no host; a URL such as https://kibana.example:5601 is expected")
	case endpoint.User != nil:
		return nil, errors.New("it holds a user name or password, which would be shown in logs; set username and password instead")
	case endpoint.RawQuery != "", endpoint.ForceQuery, endpoint.Fragment != "":
		return nil, errors.New("it must end after the path: remove everything from \"?\" or \"#\" on")
	}
	return endpoint, nil
}
