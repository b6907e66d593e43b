"""The CDK application: one stack per use case, configured by a stage's settings."""
