import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.FieldVisitor;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;

/**
 * Writes android.jar as Android's SDK has it, for any API level: of the whole framework and Java's own classes what is
 * public API, without code. What is public, and since when, says the database that R8 brings for its own use.
 *
 * <p>Arguments: r8.jar, the framework's jar, then a level and a jar to write, any number of times.
 */
public class Stubs {
    // The database leaves out what all objects have, some that string builders have, and what compilers call and R8
    // writes other code for.
    private static final Set<String> UNLISTED = Set.of(
        "java/lang/Object",
        "java/lang/AbstractStringBuilder",
        "java/lang/invoke/LambdaMetafactory",
        "java/lang/invoke/StringConcatFactory");

    private final ZipFile framework;
    private final Map<String, Map<String, Integer>> levels;
    private final int level;
    // What each class may show: of one that is not public itself, what public classes have from it.
    private final Map<String, Set<String>> shown = new TreeMap<>();

    Stubs(ZipFile framework, Map<String, Map<String, Integer>> levels, int level) throws Exception {
        this.framework = framework;
        this.levels = levels;
        this.level = level;
        for (var name : levels.keySet()) if (isPublic(name)) show(name, members(name));
        for (var name : UNLISTED) show(name, Set.of());
    }

    public static void main(String[] arguments) throws Exception {
        try (var framework = new ZipFile(arguments[1])) {
            var levels = readLevels(Path.of(arguments[0]));
            for (int i = 2; i < arguments.length; i += 2) {
                new Stubs(framework, levels, Integer.parseInt(arguments[i])).write(Path.of(arguments[i + 1]));
            }
        }
    }

    /**
     * Levels by class and member; that of a class itself is under the empty name. Inherited members stand under each
     * class that has them. Source of the layout: R8's AndroidApiDataAccess.java and
     * AndroidApiHashingDatabaseBuilderGenerator.java.
     */
    private static Map<String, Map<String, Integer>> readLevels(Path r8) throws Exception {
        ByteBuffer data;
        try (var jar = new ZipFile(r8.toFile());
             InputStream stream = jar.getInputStream(jar.getEntry("resources/new_api_database.ser"))) {
            data = ByteBuffer.wrap(stream.readAllBytes());
        }
        int constants = data.getInt(0);
        int payload = 4 + 6 * (constants + (1 << 17) + (1 << 18));
        var names = new String[constants];
        for (int i = 0; i < constants; i++) {
            int length = data.getShort(8 + 6 * i) & 0xffff;
            // They end with a zero.
            names[i] = new String(data.array(), payload + data.getInt(4 + 6 * i), length - 1, "UTF-8");
        }
        var levels = new HashMap<String, Map<String, Integer>>();
        for (int at = payload, end = payload + data.getInt(4); at < end;) {
            int length = data.getShort(at) & 0xffff;
            var words = new ArrayList<String>();
            for (int i = at + 3; i < at + 2 + length; i += 2) words.add(names[data.getShort(i) & 0xffff]);
            String owner = words.get(0).substring(1, words.get(0).length() - 1);
            String member = switch (data.get(at + 2)) {
                case 0 -> "";
                case 1 -> words.get(1) + words.get(2);
                default -> words.get(1) + "(" + String.join("", words.subList(2, words.size() - 1)) + ")"
                    + words.get(words.size() - 1);
            };
            levels.computeIfAbsent(owner, name -> new HashMap<>()).put(member, (int) data.get(at + 2 + length));
            at += 3 + length;
        }
        return levels;
    }

    private boolean isPublic(String name) {
        return levels.containsKey(name) && levels.get(name).getOrDefault("", Integer.MAX_VALUE) <= level;
    }

    private Set<String> members(String name) {
        var members = new HashSet<String>();
        levels.get(name).forEach((member, since) -> { if (since <= level) members.add(member); });
        return members;
    }

    /** Public classes extend some that are not; these are there for what is inherited from them. */
    private void show(String name, Set<String> members) throws Exception {
        byte[] bytes = read(name);
        if (bytes == null) return;
        boolean isKnown = shown.containsKey(name);
        if (!shown.computeIfAbsent(name, key -> new HashSet<>()).addAll(members) && isKnown) return;
        var reader = new ClassReader(bytes);
        var parents = new ArrayList<>(List.of(reader.getInterfaces()));
        if (reader.getSuperName() != null) parents.add(reader.getSuperName());
        for (String parent : parents) if (!isPublic(parent)) show(parent, members);
    }

    private byte[] read(String name) throws Exception {
        ZipEntry entry = framework.getEntry(name + ".class");
        try (InputStream stream = entry != null
            ? framework.getInputStream(entry)
            : ClassLoader.getPlatformClassLoader().getResourceAsStream(name + ".class")) {
            return stream == null ? null : stream.readAllBytes();
        }
    }

    private void write(Path out) throws Exception {
        try (var jar = new ZipOutputStream(Files.newOutputStream(out))) {
            jar.setLevel(1);
            for (var name : shown.keySet()) {
                jar.putNextEntry(new ZipEntry(name + ".class"));
                jar.write(stub(name));
            }
        }
    }

    private byte[] stub(String name) throws Exception {
        boolean isWhole = UNLISTED.contains(name);
        var out = new ClassWriter(ClassWriter.COMPUTE_MAXS);
        new ClassReader(read(name)).accept(new ClassVisitor(Opcodes.ASM9, out) {
            @Override
            public FieldVisitor visitField(int access, String field, String type, String generic, Object value) {
                if (!isWhole && !shown.get(name).contains(field + type)) return null;
                return super.visitField(access, field, type, generic, value);
            }

            @Override
            public MethodVisitor visitMethod(int access, String method, String type, String generic, String[] thrown) {
                if (!isWhole && !shown.get(name).contains(method + type)) return null;
                return new MethodVisitor(Opcodes.ASM9, super.visitMethod(access, method, type, generic, thrown)) {
                    @Override
                    public void visitEnd() {
                        // A JVM that loads the class on its way to another wants code in it.
                        if ((access & (Opcodes.ACC_ABSTRACT | Opcodes.ACC_NATIVE)) == 0) {
                            super.visitCode();
                            super.visitInsn(Opcodes.ACONST_NULL);
                            super.visitInsn(Opcodes.ATHROW);
                            super.visitMaxs(0, 0);
                        }
                        super.visitEnd();
                    }
                };
            }
        }, ClassReader.SKIP_CODE);
        return out.toByteArray();
    }
}
