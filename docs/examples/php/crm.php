<?php
/*
A small CRM on relay.db with PDO (PHP 8.1 or newer, packages php-cli and php-sqlite3).

    php crm.php relay.db timeline LEAD [AT ID]   a page of a lead's mail; AT ID: where the page before ended
    php crm.php relay.db unknown                 mail that is on no lead
    php crm.php relay.db adopt MESSAGE           make a lead of the stranger on it
    php crm.php relay.db page MESSAGE            the message as a web page that is safe to show
    php crm.php relay.db attachment PART         the octets of an attachment
    php crm.php relay.db follow [FEED SEQ]       changes as they come
    php crm.php relay.db merge LEAD INTO
    php crm.php relay.db delete LEAD
    php crm.php relay.db remind LEAD TEXT        a table of our own: x_reminder
    php crm.php relay.db reminders LEAD
*/
declare(strict_types=1);

const PAGE = 50;

function connect(string $path): PDO
{
    if (!is_file($path)) { // PDO would make a new and empty database
        throw new RuntimeException("no database $path");
    }
    $db = new PDO("sqlite:$path", null, null, [
        PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
        PDO::ATTR_DEFAULT_FETCH_MODE => PDO::FETCH_ASSOC,
        PDO::ATTR_TIMEOUT => 5, // seconds to wait for another writer; PDO's own 60 would hold a page for a minute
    ]);
    $db->exec('PRAGMA wal_autocheckpoint = 0'); // the relay folds the write-ahead log; old libraries have a bug there
    return $db;
}

/** The rows of a query. Fetched whole, so that no read stays open and holds the write-ahead log. */
function query(PDO $db, string $sql, array $values = []): array
{
    $statement = $db->prepare($sql);
    foreach (array_values($values) as $at => $value) {
        // A number bound as text would be compared as text.
        $statement->bindValue($at + 1, $value, is_int($value) ? PDO::PARAM_INT : PDO::PARAM_STR);
    }
    $statement->execute();
    return $statement->fetchAll();
}

/** A short transaction that has the write lock from its first statement on (beginTransaction() would not). */
function writing(PDO $db, callable $work): mixed
{
    $db->exec('BEGIN IMMEDIATE');
    try {
        $result = $work();
        $db->exec('COMMIT');
        return $result;
    } catch (Throwable $error) {
        $db->exec('ROLLBACK');
        throw $error;
    }
}

/** A page, newest first. The next one begins after the last row of this one, so a deep page costs what the first costs. */
function timeline(PDO $db, string $lead, string $at = '~', string $id = '0'): array
{
    return query(
        $db,
        'SELECT originated_at, message_id, direction, author_name, author_address, subject, snippet, attachment_count
           FROM lead_timeline WHERE lead_id = ? AND (originated_at, message_id) < (?, ?)
          ORDER BY originated_at DESC, message_id DESC LIMIT ?',
        [(int) $lead, $at, (int) $id, PAGE],
    );
}

function unknown(PDO $db): array
{
    return query(
        $db,
        'SELECT message_id, originated_at, party_name, party_address, subject, why FROM unresolved_message
          ORDER BY originated_at DESC, message_id DESC LIMIT ?',
        [PAGE],
    );
}

/** A new lead of the outside party. All mail of the address, old and new, is on the lead when this returns. */
function adopt(PDO $db, string $message): int
{
    return writing($db, function () use ($db, $message): int {
        $row = query(
            $db,
            'SELECT party_name, party_address FROM unresolved_message WHERE message_id = ?',
            [(int) $message],
        )[0] ?? null;
        if (!isset($row['party_address'])) {
            throw new RuntimeException("message $message waits for nobody, or has no party outside");
        }
        query($db, 'INSERT INTO lead (name) VALUES (?)', [$row['party_name'] ?: $row['party_address']]);
        $lead = (int) $db->lastInsertId();
        query($db, 'INSERT INTO lead_address (lead_id, address) VALUES (?, ?)', [$lead, $row['party_address']]);
        return $lead;
    });
}

const PICTURES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp']; // never SVG: it can hold scripts
const POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";

/** Whatever a stranger wrote. */
function e(?string $text): string
{
    return htmlspecialchars($text ?? '', ENT_QUOTES | ENT_SUBSTITUTE, 'UTF-8');
}

/** The message as a page of its own. Send POLICY as the header Content-Security-Policy too. */
function page(PDO $db, string $message): string
{
    $m = query(
        $db,
        "SELECT m.subject, m.author_name, m.author_address, m.originated_at, t.text, t.html FROM message m
           JOIN message_text t ON t.message_id = m.id WHERE m.id = ? AND m.visibility = 'all'",
        [(int) $message],
    )[0] ?? throw new RuntimeException("no message $message");
    if ($m['html'] !== '') {
        // Its own origin, no scripts, no forms; links open outside the frame.
        $inner = '<base target="_blank">' . with_pictures($db, (int) $message, $m['html']);
        $body = '<iframe sandbox="allow-popups allow-popups-to-escape-sandbox" srcdoc="' . e($inner) . '"></iframe>';
    } else {
        $body = '<pre>' . e($m['text']) . '</pre>';
    }
    $files = '';
    foreach (
        query(
            $db,
            "SELECT id, filename, size FROM part WHERE message_id = ? AND kind = 'attachment' ORDER BY position",
            [(int) $message],
        ) as $part
    ) {
        $files .= "<li><a href=\"attachment/{$part['id']}\">" . e($part['filename']) . "</a> {$part['size']} B</li>";
    }
    return '<!DOCTYPE html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="' . POLICY . '">'
        . '<title>' . e($m['subject']) . '</title><style>iframe { width: 100%; height: 30em; border: 0 }</style>'
        . '<h1>' . e($m['subject']) . '</h1><p>' . e($m['author_name']) . ' &lt;' . e($m['author_address']) . '&gt;, '
        . $m['originated_at'] . "</p>$body<ul>$files</ul>\n";
}

/** The HTML with its `cid:` images put in. Nothing else in it loads anything. */
function with_pictures(PDO $db, int $message, string $markup): string
{
    return preg_replace_callback('/src="cid:([^"]*)"/', function (array $found) use ($db, $message): string {
        $content_id = rawurldecode(html_entity_decode($found[1], ENT_QUOTES | ENT_HTML5));
        $row = query(
            $db,
            'SELECT p.media_type, b.content FROM part p JOIN blob b ON b.digest = p.digest
              WHERE p.message_id = ? AND p.content_id = ? LIMIT 1',
            [$message, $content_id],
        )[0] ?? null;
        if ($row === null || !in_array($row['media_type'], PICTURES, true)) {
            return 'src=""';
        }
        return "src=\"data:{$row['media_type']};base64," . base64_encode($row['content']) . '"';
    }, $markup);
}

/** The octets. Send them as application/octet-stream, Content-Disposition: attachment, X-Content-Type-Options: nosniff. */
function attachment(PDO $db, string $part): string
{
    $row = query(
        $db,
        "SELECT b.content FROM part p JOIN blob b ON b.digest = p.digest JOIN message m ON m.id = p.message_id
          WHERE p.id = ? AND m.visibility = 'all'",
        [(int) $part],
    )[0] ?? throw new RuntimeException("no part $part");
    return $row['content'];
}

/** Changes for ever, as [feed_id, row]; the row is null when everything has to be read again. Keep feed_id and seq. */
function follow(string $path, string $feed = '', int $seq = 0): Generator
{
    [$db, $file, $version] = [null, null, null];
    while (true) {
        clearstatcache();
        $found = @fileinode($path);
        if ($found === false) { // being restored
            usleep(200_000);
            continue;
        }
        if ($found !== $file) { // the first time, and after a restore put another file there
            [$db, $file, $version] = [connect($path), $found, null];
        }
        $now = query($db, 'PRAGMA data_version')[0]['data_version']; // changes when somebody writes; costs microseconds
        if ($now === $version) {
            usleep(200_000);
            continue;
        }
        $db->exec('BEGIN'); // the feed's name and its rows of one moment; and no snapshot is held while we sleep
        $contract = query($db, 'SELECT feed_id, oldest_seq FROM contract')[0];
        $newest = query($db, 'SELECT coalesce(max(seq), 0) AS seq FROM change')[0]['seq'];
        $rows = query($db, 'SELECT * FROM change WHERE seq > ? ORDER BY seq LIMIT 1000', [$seq]);
        $db->exec('COMMIT');
        if ($contract['feed_id'] !== $feed || $seq < $contract['oldest_seq'] - 1) {
            [$feed, $seq, $rows] = [$contract['feed_id'], $newest, []];
            yield [$feed, null];
        }
        foreach ($rows as $row) {
            $seq = $row['seq'];
            yield [$feed, $row];
        }
        $version = count($rows) === 1000 ? null : $now;
    }
}

/** Addresses, deals and decisions go along by themselves. Our own rows are ours to move. */
function merge(PDO $db, string $lead, string $into): void
{
    own_tables($db);
    writing($db, function () use ($db, $lead, $into): void {
        query($db, 'UPDATE lead SET merged_into = ? WHERE id = ?', [(int) $into, (int) $lead]);
        query($db, 'UPDATE x_reminder SET lead_id = ? WHERE lead_id = ?', [(int) $into, (int) $lead]);
    });
}

/** Its mail leaves every timeline at once and floods no list. The relay removes its addresses and deals later. */
function delete(PDO $db, string $lead): void
{
    own_tables($db);
    writing($db, function () use ($db, $lead): void {
        query($db, 'DELETE FROM lead WHERE id = ?', [(int) $lead]);
        query($db, 'DELETE FROM x_reminder WHERE lead_id = ?', [(int) $lead]);
    });
}

/** Tables named x_* are ours; the relay never touches them. */
function own_tables(PDO $db): void
{
    $db->exec('CREATE TABLE IF NOT EXISTS x_reminder (id INTEGER PRIMARY KEY, lead_id INTEGER NOT NULL, text TEXT NOT NULL)');
}

function remind(PDO $db, string $lead, string $text): void
{
    own_tables($db);
    writing($db, fn () => query($db, 'INSERT INTO x_reminder (lead_id, text) VALUES (?, ?)', [(int) $lead, $text]));
}

function reminders(PDO $db, string $lead): array
{
    own_tables($db);
    return query($db, 'SELECT id, text FROM x_reminder WHERE lead_id = ? ORDER BY id', [(int) $lead]);
}

function line(array $row): string
{
    return json_encode($row, JSON_THROW_ON_ERROR | JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES) . "\n";
}

[$path, $command, $words] = [$argv[1] ?? '', $argv[2] ?? '', array_slice($argv, 3)];
$commands = ['timeline', 'unknown', 'adopt', 'page', 'attachment', 'merge', 'delete', 'remind', 'reminders'];
if ($command === 'follow') {
    foreach (follow($path, $words[0] ?? '', (int) ($words[1] ?? 0)) as [$feed, $row]) {
        echo line($row ?? ['start_over' => $feed]);
    }
}
if (!in_array($command, $commands, true)) {
    fwrite(STDERR, "php crm.php relay.db COMMAND: see the first lines of this file\n");
    exit(2);
}
try {
    $result = $command(connect($path), ...$words);
} catch (RuntimeException $error) { // PDOException is one; "database is locked": somebody holds the write lock, try again
    fwrite(STDERR, $error->getMessage() . "\n");
    exit(1);
}
if (is_array($result)) {
    echo implode('', array_map('line', $result));
} elseif ($result !== null) {
    echo $result, is_int($result) ? "\n" : '';
}
