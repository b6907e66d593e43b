"""OpenSearch Serverless on this machine: the real engine, and the service's rules in front of it."""
