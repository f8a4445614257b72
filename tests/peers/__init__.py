"""Agreement with other libraries under copied weights, each check in a process of its own."""
