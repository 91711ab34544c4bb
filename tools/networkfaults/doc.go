// Package networkfaults tests what the provider leaves on the servers when the network between them fails: connections
// that are refused, cut, reset, silent or slow, in either direction, between the provider and Kibana or Elasticsearch.
// It holds tests alone, in this module because the proxy that breaks the network, Toxiproxy, is none of the provider's
// dependencies.
package networkfaults
