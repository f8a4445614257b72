"""What is added to counts."""


def check_prior_counts(prior_counts: float) -> None:
    """Refuse negative pseudo-counts.

    Raises:
        ValueError: If there are some.
    """
    if not prior_counts >= 0:
        raise ValueError(
            f"Expected prior_counts of at least 0; got {prior_counts}. It is the concentration of a Dirichlet prior."
        )
