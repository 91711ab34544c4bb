package provider

import (
	"context"
	"errors"
	"net/url"
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/elastic/terraform-provider-apm/internal/agentkey"
)

var (
	_ validator.String = endpointValidator{}
	_ validator.String = durationValidator{}
	_ validator.String = nameValidator{}
)

// endpointValidator accepts what parseEndpoint does.
type endpointValidator struct{}

// Description implements validator.String.
func (endpointValidator) Description(context.Context) string {
	return "a URL with scheme and host, such as https://kibana.example:5601"
}

// MarkdownDescription implements validator.String.
func (v endpointValidator) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateString implements validator.String.
func (endpointValidator) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if _, err := parseEndpoint(req.ConfigValue.ValueString()); err != nil {
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid endpoint", "The endpoint cannot be used: "+err.Error()+".")
	}
}

// durationValidator accepts Elasticsearch's durations.
type durationValidator struct{}

// Description implements validator.String.
func (durationValidator) Description(context.Context) string {
	return "a whole number with a unit of d, h, m or s"
}

// MarkdownDescription implements validator.String.
func (v durationValidator) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateString implements validator.String.
func (durationValidator) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if _, err := agentkey.ParseDuration(req.ConfigValue.ValueString()); err != nil {
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid duration", sentence(err.Error()))
	}
}

// nameValidator accepts the names that Elasticsearch does.
type nameValidator struct{}

// Description implements validator.String.
func (nameValidator) Description(context.Context) string {
	return "1 to 256 characters, without a leading underscore and without blanks at the edges"
}

// MarkdownDescription implements validator.String.
func (v nameValidator) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateString implements validator.String.
func (nameValidator) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if err := agentkey.CheckName(req.ConfigValue.ValueString()); err != nil {
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid agent key name", sentence(err.Error()))
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
