"""Trains the credit risk models on this machine, and checks them against figures of real loans."""
