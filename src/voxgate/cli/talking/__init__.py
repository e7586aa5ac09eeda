"""What ``voxgate talk`` is made of: ends that speak and listen, a call with an agent, and a report."""
