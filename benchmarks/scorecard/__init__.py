"""The scorecard: Marquee against what a user would pick instead, and the README's tables and charts of it."""
