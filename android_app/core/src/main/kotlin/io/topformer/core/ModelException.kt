package io.topformer.core

/** A model that can't be used, or not be trusted: [what] for the headline, [why] for the line below it. */
public sealed class ModelException(public val what: String, public val why: String) : Exception("$what $why")

/** A manifest that is not understood. */
public class ManifestException(what: String, why: String) : ModelException(what, why)

/** A golden file that is damaged or belongs to another model. */
public class GoldenException(what: String, why: String) : ModelException(what, why)
