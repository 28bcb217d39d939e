"""What a collector says."""

from minirelay.operations.exposition import SeriesCollector


async def samples(collector: SeriesCollector) -> dict[str, float]:
    """Collect; gives values by name and labels, like `minirelay_sessions{clerk}`, histograms by their count.

    Also makes sure that exactly what is listed is collected.
    """
    families = list(await collector.collect())
    assert sorted(one.name for one in families) == sorted(one.name for one in collector.series)
    found = {}
    for family in families:
        for sample in family.samples:
            if family.type != "histogram" or sample.name.endswith("_count"):
                labels = ",".join(sample.labels.values())
                found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found
