"""Labelled clips: from a folder, from a table, by the name of a data set."""

from earmark.datasets.check import CheckReport, Finding, check_dataset
from earmark.datasets.dataset import Dataset, DatasetCard, Expected
from earmark.datasets.folder import read_folder
from earmark.datasets.registry import (
    can_get,
    dataset_card,
    dataset_folder,
    dataset_layout,
    get_dataset,
    list_datasets,
    load_dataset,
    read_dataset,
)
from earmark.datasets.table import read_table

__all__ = [
    "CheckReport",
    "Dataset",
    "DatasetCard",
    "Expected",
    "Finding",
    "can_get",
    "check_dataset",
    "dataset_card",
    "dataset_folder",
    "dataset_layout",
    "get_dataset",
    "list_datasets",
    "load_dataset",
    "read_dataset",
    "read_folder",
    "read_table",
]
