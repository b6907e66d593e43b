"""OpenSearch Serverless on this machine: a real OpenSearch engine behind the service's rules."""
