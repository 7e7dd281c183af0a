import java.io.BufferedInputStream;
import java.io.BufferedWriter;
import java.io.FileInputStream;
import java.io.ObjectInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.TreeSet;
import java.util.zip.GZIPInputStream;
import org.codehaus.mojo.animal_sniffer.Clazz;

/**
 * Writes what a signature file of animal-sniffer, serialised Java, holds: a line for each class, its parents and its
 * members, parted by tabs.
 */
public class PublicApi {
    public static void main(String[] arguments) throws Exception {
        try (var file = new BufferedInputStream(new FileInputStream(arguments[0]));
             var objects = new ObjectInputStream(new GZIPInputStream(file));
             BufferedWriter out = Files.newBufferedWriter(Path.of(arguments[1]))) {
            for (Clazz next; (next = (Clazz) objects.readObject()) != null;) {
                var parents = new TreeSet<String>();
                if (next.getSuperClass() != null) parents.add(next.getSuperClass());
                for (String parent : next.getSuperInterfaces()) parents.add(parent);
                var members = new TreeSet<>(next.getSignatures());
                out.write(next.getName() + "\t" + String.join(" ", parents) + "\t" + String.join(" ", members) + "\n");
            }
        }
    }
}
