"""From a trained model to a shipped file, and the proof that it is the same model."""

from topformer.export.pipeline import ExportedFile, ExportResult, export_model

__all__ = ["ExportResult", "ExportedFile", "export_model"]
