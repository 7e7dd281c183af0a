package io.topformer.core

import kotlinx.serialization.Serializable
import kotlin.math.ln

// The manifest as topformer/manifest.py has it, and what the app wants of it besides. What the app does not use stands
// here too: a document that breaks its own schema anywhere is not trusted elsewhere.

internal const val SEGMENTATION = "semantic-segmentation"
internal const val DETECTION = "object-detection"
internal const val LARGEST_SIDE = 4096L
private const val MOST_CLASSES = 65535L
private const val ANY = Long.MAX_VALUE

@Serializable
internal class ManifestDocument(
    val model: ModelInfo,
    val weights: WeightsInfo,
    val input: InputInfo,
    @Sized(1, 64) val outputs: List<OutputInfo>,
    val classes: ClassesInfo,
    val detection: DetectionInfo? = null,
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
    val task: String = SEGMENTATION,
    val detectionHead: String = "",
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
    val meaning: String,
    @Sized(1, 8) @Within(1, ANY) val shape: List<Long>,
    @Within(1, ANY) val stride: Long,
    @Only("float32") val dtype: String = "",
)

@Serializable
internal class DetectionInfo(
    @Sized(1, 16) val levels: List<AnchorLevel>,
    @Within(0, 1) val scoreThreshold: Double = 0.05,
    @Within(1, 10_000) val candidatesPerLevel: Int = 1000,
    @Within(0, 1) val nmsIou: Double = 0.5,
    @Within(1, 1000) val mostBoxes: Int = 100,
    @Within(0, 16) val largestLogScale: Double = ln(1000.0 / 16),
    @Within(0, 1) val sameIou: Double = 0.99,
)

@Serializable
internal class AnchorLevel(
    @Within(1, LARGEST_SIDE) val stride: Long,
    @Sized(1, 64) @Entries(4, "left, top, right and bottom") @Within(-100_000, 100_000) val anchors: List<List<Double>>,
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
    val calibration: CalibrationInfo? = null,
    val floatLayers: List<String> = emptyList(),
)

@Serializable
internal class CalibrationInfo(
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
    val score: ScoreParity? = null,
    val averagePrecision: PrecisionParity? = null,
    val notes: List<String> = emptyList(),
)

@Serializable
internal class ScoreParity(
    val dataset: String,
    val split: String,
    @Within(0, ANY) val pictures: Long,
    @Within(0, 1) val float32Miou: Double,
    @Within(0, 1) val miou: Double,
    val maxDrop: Double,
)

@Serializable
internal class PrecisionParity(
    val dataset: String,
    val split: String,
    @Within(0, ANY) val pictures: Long,
    @Within(0, 1) val float32Ap: Double,
    @Within(0, 1) val ap: Double,
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
