module github.com/elastic/terraform-provider-apm/tools

go 1.26.0
