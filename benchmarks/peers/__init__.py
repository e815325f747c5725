"""What a user would pick instead of Marquee, each as a `Peer` in a process of its own."""
