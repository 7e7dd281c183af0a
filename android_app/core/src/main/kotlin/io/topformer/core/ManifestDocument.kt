package io.topformer.core

import kotlinx.serialization.Serializable

// The manifest as topformer/manifest.py has it, and what the app wants of it besides. What the app does not use stands
// here too: a document that breaks its own schema anywhere is not trusted elsewhere.

internal const val LARGEST_SIDE = 4096L
private const val MOST_CLASSES = 65535L
private const val ANY = Long.MAX_VALUE

@Serializable
internal class ManifestDocument(
    val model: ModelInfo,
    val weights: WeightsInfo,
    val input: InputInfo,
    @Entries(1, "the logits") val outputs: List<OutputInfo>,
    val classes: ClassesInfo,
    val file: FileInfo,
    val parity: Parity? = null,
    val delegation: Delegation? = null,
    val golden: List<GoldenCase> = emptyList(),
)

@Serializable
internal class ModelInfo(
    val variant: String,
    @Within(1, MOST_CLASSES) val numClasses: Int,
    @Within(0, ANY) val fusedChannels: Long,
    val depthwiseHead: Boolean,
    @Only("semantic-segmentation") val task: String = "",
)

@Serializable
internal class WeightsInfo(
    val name: String,
    @Sha256 val sha256: String,
    val licence: String,
    val source: String,
    val randomSeed: Long? = null,
)

@Serializable
internal class InputInfo(
    @Within(1, LARGEST_SIDE) val height: Int,
    @Within(1, LARGEST_SIDE) val width: Int,
    @Entries(3, "red, green and blue") val mean: List<Double>,
    @Entries(3, "red, green and blue") val std: List<Double>,
    @Only("float32") val dtype: String = "",
    @Only("NCHW") val layout: String = "",
    @Only("RGB") val colourOrder: String = "",
    @Only("stretch-bilinear") val resize: String = "",
)

@Serializable
internal class OutputInfo(
    @Only("logits") val meaning: String,
    @Entries(4, "[1, classes, height, width]") @Within(1, MOST_CLASSES) val shape: List<Int>,
    @Within(8, 8) val stride: Int,
    @Only("float32") val dtype: String = "",
)

@Serializable
internal class ClassesInfo(
    val dataset: String,
    val names: List<String>,
    @Entries(3, "a colour") @Within(0, 255) val palette: List<List<Int>>,
)

@Serializable
internal class FileInfo(
    val name: String,
    @Sha256 val sha256: String,
    @Within(0, ANY) val sizeBytes: Long,
    val target: String,
    val precision: String,
    @AnyLength val libraries: Map<String, String>,
    val calibration: Calibration? = null,
    val floatLayers: List<String> = emptyList(),
)

@Serializable
internal class Calibration(
    val source: String,
    @Within(0, ANY) val pictures: Long,
    @Within(0, ANY) val seed: Long,
)

@Serializable
internal class Parity(
    val passed: Boolean,
    val gates: Gates,
    val steps: List<StepParity>,
    val firstDivergence: String = "",
    val score: Score? = null,
)

@Serializable
internal class Score(
    val dataset: String,
    val split: String,
    @Within(0, ANY) val pictures: Long,
    @Within(0, 1) val float32Miou: Double,
    @Within(0, 1) val miou: Double,
    val maxDrop: Double,
)

@Serializable
internal class StepParity(val step: String, val worst: Agreement, val inputs: List<InputAgreement>)

@Serializable
internal class InputAgreement(
    val input: String, val agreement: Agreement, val required: Gates, val illConditioned: Boolean,
)

@Serializable
internal class Agreement(
    val maxAbsError: Double,
    val sqnrDb: Double,
    @Within(0, 1) val resultAgreement: Double,
    @Within(0, 1) val resultAgreementUntied: Double,
)

@Serializable
internal class Gates(val sqnrDb: Double, @Within(0, 1) val resultAgreement: Double)

@Serializable
internal class Delegation(
    val backend: String,
    @Within(0, ANY) val delegates: Long,
    val inside: List<OperatorGroup>,
    val outside: List<OperatorGroup>,
    @Within(0, ANY) val plannedMemoryBytes: Long?,
    val notes: List<String> = emptyList(),
)

@Serializable
internal class OperatorGroup(
    val operator: String,
    @Within(0, ANY) val count: Long,
    @Within(0, ANY) val macs: Long,
    val reason: String = "",
)

@Serializable
internal class GoldenCase(
    val input: String,
    @Sha256 val inputSha256: String,
    val required: Gates,
    val illConditioned: Boolean,
    @AnyLength val samples: Map<String, String>,
)
