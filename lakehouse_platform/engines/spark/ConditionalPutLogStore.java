package lakehouse.spark;

import io.delta.storage.HadoopFileSystemLogStore;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Paths;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ConcurrentModificationException;
import java.util.Iterator;
import java.util.UUID;
import java.util.function.BiFunction;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/**
 * Commits to a Delta log as delta-rs does: an object is put where there is none, a file is linked where there is none.
 *
 * Objects are put by a function of the driver's Python process: address and content to "written", "exists", or why it failed.
 */
public final class ConditionalPutLogStore extends HadoopFileSystemLogStore {
    /** Setting of a session that holds the file that its next commit to that log must become; any file without. */
    private static final String PLANNED = "lakehouse.commit.planned";

    private static volatile BiFunction<String, byte[], String> writer = null;

    public ConditionalPutLogStore(Configuration hadoopConf) {
        super(hadoopConf);
    }

    /** Put objects with this function from now on; the static field keeps it from being collected. */
    public static void install(BiFunction<String, byte[], String> function) {
        writer = function;
    }

    @Override
    public void write(Path path, Iterator<String> actions, Boolean overwrite, Configuration hadoopConf) throws IOException {
        Path target = resolvePathOnPhysicalStorage(path, hadoopConf);
        refuseOthersThanPlanned(path, hadoopConf);
        String scheme = target.toUri().getScheme();
        if (scheme.equals("file")) {
            writeFile(Paths.get(target.toUri().getPath()), content(actions), overwrite);
        } else if (!scheme.equals("s3") && !scheme.equals("s3a")) {
            throw new IOException("Cannot commit to " + target + ": conditional put knows s3, s3a and file.");
        } else if (overwrite) {
            writeWithRename(target, actions, Boolean.TRUE, hadoopConf); // where it overwrites, it creates the object, with no rename
        } else {
            putAbsent(target, content(actions));
        }
    }

    /** A commit that was planned from one version may only become the next: Delta itself would move it behind what it finds. */
    private static void refuseOthersThanPlanned(Path path, Configuration hadoopConf) {
        String planned = hadoopConf.get(PLANNED);
        if (planned == null || !path.getName().matches("[0-9]{20}[.]json") || path.toString().equals(planned)) {
            return;
        }
        if (new Path(planned).getParent().equals(path.getParent())) {
            throw new ConcurrentModificationException("Planned as " + planned + ", which another writer has taken: " + path);
        }
    }

    /** A checkpoint on S3 appears when it is closed; one in a folder has to be renamed into place. */
    @Override
    public Boolean isPartialWriteVisible(Path path, Configuration hadoopConf) throws IOException {
        return Boolean.valueOf(resolvePathOnPhysicalStorage(path, hadoopConf).toUri().getScheme().equals("file"));
    }

    private static void putAbsent(Path target, byte[] content) throws IOException {
        BiFunction<String, byte[], String> put = writer;
        if (put == null) {
            throw new IOException("Cannot commit " + target + ": the driver has installed no writer of objects in this JVM.");
        }
        String answer = (String) put.apply(target.toString(), content);
        if ("exists".equals(answer)) {
            throw new FileAlreadyExistsException(target.toString());
        }
        if (!"written".equals(answer)) {
            throw new IOException("Cannot commit " + target + ": " + answer);
        }
    }

    private static void writeFile(java.nio.file.Path target, byte[] content, boolean overwrite) throws IOException {
        java.nio.file.Path staged = target.resolveSibling("." + target.getFileName() + "." + UUID.randomUUID() + ".tmp");
        try {
            writeDurably(staged, content);
            if (overwrite) {
                // Hadoop's checksum would not match a file that delta-rs, which knows none, writes in its place.
                Files.deleteIfExists(target.resolveSibling("." + target.getFileName() + ".crc"));
                Files.move(staged, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            } else {
                Files.createLink(target, staged);
            }
        } catch (UnsupportedOperationException error) {
            throw new IOException("Cannot commit " + target + ": its file system has no hard links.", error);
        } finally {
            Files.deleteIfExists(staged);
        }
    }

    private static void writeDurably(java.nio.file.Path file, byte[] content) throws IOException {
        FileChannel channel = FileChannel.open(file, new OpenOption[] {StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE});
        try {
            ByteBuffer rest = ByteBuffer.wrap(content);
            while (rest.hasRemaining()) {
                channel.write(rest);
            }
            channel.force(true);
        } finally {
            channel.close();
        }
    }

    private static byte[] content(Iterator<String> actions) {
        StringBuilder text = new StringBuilder();
        while (actions.hasNext()) {
            text.append((String) actions.next()).append('\n');
        }
        return text.toString().getBytes(StandardCharsets.UTF_8);
    }
}
