package io.topformer.core

import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertSame

class DisplayPaletteTest {
    @Test
    fun `classes that are too many to be told apart keep their own colours`() {
        val own = IntArray(60_000) { 0xFF shl 24 or it * 277 }
        assertContentEquals(own, vividPalette(own))
        assertEquals(256, vividPalette(own.copyOf(256)).size)
    }

    @Test
    fun `a manifest works its names and colours out once`() {
        val manifest = ManifestReader.read(Vectors.bytes("manifest.json"))
        assertEquals(listOf("Sky", "B\u00e4ume"), manifest.shownNames)
        assertContentEquals(vividPalette(manifest.palette), manifest.shownPalette)
        assertSame(manifest.shownPalette, manifest.shownPalette)
        assertSame(manifest.shownNames, manifest.shownNames)
    }
}
