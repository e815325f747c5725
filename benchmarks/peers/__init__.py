"""What a user could pick instead of Marquee, each behind the same few questions."""
