"""The CDK application: one stack a use case, made from a stage's settings."""
