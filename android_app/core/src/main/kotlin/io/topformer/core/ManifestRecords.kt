package io.topformer.core

// The records of a manifest that the app only checks: a document that breaks its own schema anywhere is not trusted
// elsewhere.

/** Returns whether the proof passed. */
internal fun Fields.parity(): Boolean {
    this["gates"].fields { gates() }
    this["steps"].items().forEach { step ->
        step.fields {
            this["step"].short()
            this["worst"].fields { agreement() }
            this["inputs"].items().forEach { it.fields { inputAgreement() } }
        }
    }
    optional("first_divergence")?.short()
    optional("score")?.let { if (!it.isNull) it.fields { score() } }
    return this["passed"].boolean()
}

private fun Fields.score() {
    this["dataset"].short()
    this["split"].short()
    this["pictures"].count()
    this["float32_miou"].double(0.0..1.0)
    this["miou"].double(0.0..1.0)
    this["max_drop"].double()
}

/** What a file's precision learnt from, and what it left as it was. */
internal fun Fields.conversion() {
    optional("calibration")?.let { if (!it.isNull) it.fields { calibration() } }
    optional("float_layers")?.items()?.forEach { it.short() }
}

private fun Fields.calibration() {
    this["source"].short()
    this["pictures"].count()
    this["seed"].count()
}

private fun Fields.inputAgreement() {
    this["input"].short()
    this["agreement"].fields { agreement() }
    this["required"].fields { gates() }
    this["ill_conditioned"].boolean()
}

private fun Fields.agreement() {
    this["max_abs_error"].double()
    this["sqnr_db"].double()
    this["result_agreement"].double(0.0..1.0)
    this["result_agreement_untied"].double(0.0..1.0)
}

private fun Fields.gates() {
    this["sqnr_db"].double()
    this["result_agreement"].double(0.0..1.0)
}

internal fun Fields.delegation() {
    this["backend"].short()
    this["delegates"].count()
    for (side in listOf("inside", "outside")) this[side].items().forEach { it.fields { operatorGroup() } }
    this["planned_memory_bytes"].let { if (!it.isNull) it.count() }
    optional("notes")?.items()?.forEach { it.short() }
}

private fun Fields.operatorGroup() {
    this["operator"].short()
    this["count"].count()
    this["macs"].count()
    optional("reason")?.short()
}

internal fun Fields.goldenCase() {
    this["input"].short()
    this["input_sha256"].sha256()
    this["required"].fields { gates() }
    this["ill_conditioned"].boolean()
    this["samples"].members().values.forEach { it.base64(longest = 1 shl 16) }
}
