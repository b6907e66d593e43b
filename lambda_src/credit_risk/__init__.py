"""Scores loan applications with a scorecard: probability of default, expected loss, points and reasons."""
