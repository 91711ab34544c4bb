// Package contract holds one suite that states what Elasticsearch's API key
// calls and Kibana's agent-key route do, case by case: statuses, bodies, and
// what the state is afterwards. It knows no client of this module's: it speaks
// plain HTTP, so that it judges the stand-in and the products alike. A case on
// which the two disagree is a bug of the stand-in.
//
// The suite runs unchanged against
//
//   - the in-memory stand-ins, when nothing is set; APM_TEST_ELASTICSEARCH_VERSION
//     chooses the version that they take the part of;
//
//   - a real Elasticsearch behind the stand-in for Kibana, when
//     APM_TEST_ELASTICSEARCH_URL, APM_TEST_ELASTICSEARCH_USERNAME and
//     APM_TEST_ELASTICSEARCH_PASSWORD name one and a superuser of it. It needs
//     a licence with tokens (a trial will do). From this directory:
//
//     go run -C ../../tools ./elasticsearch -version 9.4.3 -dir .. -- go test -count=1 ./internal/contract
//
//   - a real stack, when APM_TEST_KIBANA_URL is set as well, and
//     APM_TEST_KIBANA_SPACE to the id of a space that is not the default one.
//
// Whatever the suite makes there (users, roles, keys) has a name that starts
// with "contract-" and is unique to the run; at the end users and roles are
// deleted and keys invalidated.
package contract
