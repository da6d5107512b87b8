/**
 * The Python programs that judge one solution of a HumanEval problem, inside the sandbox.
 *
 * A solution is code that a model wrote, so that the verdict must not depend on its good will. Where solution and test
 * share an interpreter, it can end the process with exit code 0, register exit handlers, replace built-in functions, walk
 * up the stack into the test, or return objects that say they equal everything. Here they are two processes:
 *
 * 1. `judge.py` starts and forks. The child gives up its standard streams and then runs the solution; it sees neither the
 *    test nor the number that the verdict carries, because the parent reads both from its input only after the fork.
 * 2. The parent runs the test. What the test calls is a stand-in that sends the arguments to the child and gets a plain
 *    value back (numbers, text, lists, …: rebuilt from JSON, so that no method of the solution ever runs in the parent).
 * 3. The parent writes the verdict to its output, which the child does not hold. /proc is not mounted, and the sandbox
 *    refuses ptrace and its like, so that the child cannot reach into the parent; ending or stopping it is no pass.
 */

/** Files of the sandbox. */
export const JUDGE_FILE = 'judge.py'
export const SOLUTION_FILE = 'solution.py'

/**
 * Input: one JSON object with `nonce`, `entry`, `prompt` and `test`. Output: a line of the nonce, a space and a JSON object
 * with `outcome` and `detail`.
 */
export const JUDGE_SOURCE = String.raw`
import json, os, signal, struct, sys, time

MAX_FRAME = 32 * 1024 * 1024
MAX_ITERATED = 1000000


class BadAnswer(Exception):
    pass


class Opaque:
    """Stands for a value that is no plain one: equal to nothing."""

    def __init__(self, name):
        self.name = name

    def __eq__(self, other):
        return False

    __hash__ = None

    def __repr__(self):
        return '<' + self.name + '>'


def encode(value):
    kind = type(value)
    if value is None or kind in (bool, str, float):
        return value
    if isinstance(value, bool):
        return bool(value)
    if isinstance(value, int):
        number = int(value)
        return number if -(2**53) < number < 2**53 else {'t': 'int', 'v': hex(number)}
    if isinstance(value, float):
        return float(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, list):
        return [encode(item) for item in value]
    if isinstance(value, dict):
        return {'t': 'dict', 'v': [[encode(key), encode(item)] for key, item in value.items()]}
    for name, base in (('tuple', tuple), ('set', set), ('frozenset', frozenset)):
        if isinstance(value, base):
            return {'t': name, 'v': [encode(item) for item in value]}
    if isinstance(value, (bytes, bytearray)):
        return {'t': kind.__name__, 'v': bytes(value).hex()}
    if isinstance(value, complex):
        return {'t': 'complex', 'v': [value.real, value.imag]}
    if isinstance(value, range):
        return {'t': 'range', 'v': [encode(value.start), encode(value.stop), encode(value.step)]}
    if kind.__module__ == 'fractions' and kind.__name__ == 'Fraction':
        return {'t': 'fraction', 'v': [encode(value.numerator), encode(value.denominator)]}
    if kind.__module__ == 'decimal' and kind.__name__ == 'Decimal':
        return {'t': 'decimal', 'v': str(value)}
    if hasattr(value, '__next__') or kind.__name__ in ('dict_keys', 'dict_values', 'dict_items'):
        items = []
        for item in value:
            if len(items) == MAX_ITERATED:
                break
            items.append(encode(item))
        return {'t': 'iterator', 'v': items}
    return {'t': 'opaque', 'v': str(kind.__name__)[:80]}


def decode(value):
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    kind, content = value['t'], value['v']
    if kind == 'int':
        return int(content, 16)
    if kind == 'dict':
        return {decode(key): decode(item) for key, item in content}
    if kind in ('tuple', 'set', 'frozenset', 'iterator'):
        make = {'tuple': tuple, 'set': set, 'frozenset': frozenset, 'iterator': iter}[kind]
        return make([decode(item) for item in content])
    if kind == 'bytes':
        return bytes.fromhex(content)
    if kind == 'bytearray':
        return bytearray.fromhex(content)
    if kind == 'complex':
        return complex(float(content[0]), float(content[1]))
    if kind == 'range':
        return range(*[decode(item) for item in content])
    if kind == 'fraction':
        from fractions import Fraction
        return Fraction(decode(content[0]), decode(content[1]))
    if kind == 'decimal':
        from decimal import Decimal
        return Decimal(str(content))
    return Opaque(str(content)[:80])


def send(descriptor, message):
    data = json.dumps(message).encode('ascii')
    data = struct.pack('>Q', len(data)) + data
    while data:
        data = data[os.write(descriptor, data):]


def read_exactly(descriptor, size):
    parts = []
    while size > 0:
        part = os.read(descriptor, min(size, 1048576))
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b''.join(parts)


def receive(descriptor):
    size = struct.unpack('>Q', read_exactly(descriptor, 8))[0]
    if size > MAX_FRAME:
        raise BadAnswer('the answer is too large')
    return json.loads(read_exactly(descriptor, size))


def error_of(error):
    return {'error': type(error).__name__[:80], 'detail': str(error)[:300]}


def changed(before, values):
    """The arguments as they are after the call, where the solution changed one."""
    try:
        after = [encode(value) for value in values]
    except BaseException:
        return None
    return None if after == before else after


def run_solution(calls, answers, source, entry):
    space = {'__name__': 'solution'}
    try:
        exec(compile(source, 'solution.py', 'exec'), space)
        function = space[entry]
    except BaseException as error:
        send(answers, error_of(error))
        return
    send(answers, {'ready': True})
    while True:
        call = receive(calls)
        arguments = [decode(value) for value in call['arguments']]
        named = {name: decode(value) for name, value in call['named'].items()}
        try:
            answer = {'value': encode(function(*arguments, **named))}
        except BaseException as error:
            answer = error_of(error)
        answer['changed'] = changed(call['arguments'], arguments)
        send(answers, answer)


def write_back(values, after):
    for value, content in zip(values, after):
        new = decode(content)
        if isinstance(value, list) and isinstance(new, list):
            value[:] = new
        elif isinstance(value, (dict, set)) and type(value) is type(new):
            value.clear()
            value.update(new)


def answer_of(answers):
    try:
        answer = receive(answers)
    except EOFError:
        raise
    except Exception as error:
        raise BadAnswer(str(error)[:200])
    if not isinstance(answer, dict):
        raise BadAnswer('the answer is no object')
    return answer


def raise_as_told(answer):
    import builtins
    known = getattr(builtins, str(answer['error']), None)
    # StopIteration would end a loop of the test over the solution's answers as if all had been right.
    stops = (StopIteration, StopAsyncIteration)
    if isinstance(known, type) and issubclass(known, Exception) and not issubclass(known, stops):
        try:
            error = known(str(answer.get('detail')))
        except Exception:
            error = RuntimeError(str(answer['error']))
        raise error
    raise RuntimeError(str(answer['error']))


def stand_in(calls, answers):
    def candidate(*arguments, **named):
        try:
            send(calls, {
                'arguments': [encode(value) for value in arguments],
                'named': {name: encode(value) for name, value in named.items()},
            })
        except BrokenPipeError:
            raise EOFError
        answer = answer_of(answers)
        try:
            if isinstance(answer.get('changed'), list):
                write_back(arguments, answer['changed'])
            if 'error' not in answer:
                return decode(answer['value'])
        except Exception as error:
            raise BadAnswer(str(error)[:200])
        raise_as_told(answer)
    return candidate


def helpers(prompt):
    """What the prompt defines beside the function that is asked for; the test may use it."""
    space = {'__name__': 'test'}
    for ending in ('', '\n    pass\n'):
        try:
            code = compile(prompt + ending, 'prompt.py', 'exec')
        except SyntaxError:
            continue
        exec(code, space)
        break
    return space


def how_it_ended(child):
    # Its streams are closed a moment before its end can be asked for; one that closed them and lives on is not waited for.
    for _ in range(100):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended != 0:
            limited = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU
            return ('cpu', 'it took all of its CPU time') if limited else ('ended', 'the solution ended its process')
        time.sleep(0.001)
    return 'ended', 'the solution closed its streams'


def judge(calls, answers, problem, child):
    try:
        first = answer_of(answers)
        if 'error' in first:
            return 'invalid', '%s: %s' % (first['error'], first.get('detail'))
        candidate = stand_in(calls, answers)
        space = helpers(problem['prompt'])
        space[problem['entry']] = candidate
        exec(compile(problem['test'], 'test.py', 'exec'), space)
        space['check'](candidate)
        return 'passed', ''
    except EOFError:
        return how_it_ended(child)
    except AssertionError as error:
        return 'wrong', str(error)
    except BadAnswer as error:
        return 'failed', 'no plain answer: %s' % error
    except Exception as error:
        return 'failed', '%s: %s' % (type(error).__name__, error)


def main():
    with open('solution.py', encoding='utf-8') as file:
        source = file.read()
    with open('entry.txt', encoding='utf-8') as file:
        entry = file.read()
    calls_out, calls_in = os.pipe()
    answers_out, answers_in = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            nothing = os.open('/dev/null', os.O_RDWR)
            for standard in (0, 1, 2):
                os.dup2(nothing, standard)
            os.dup2(calls_out, 3)
            os.dup2(answers_in, 10)
            os.dup2(10, 4)
            os.closerange(5, 1024)
            run_solution(3, 4, source, entry)
        finally:
            os._exit(0)
    os.close(calls_out)
    os.close(answers_in)
    problem = json.loads(sys.stdin.buffer.read())
    outcome, detail = judge(calls_in, answers_out, problem, child)
    sys.__stdout__.write('\n%s %s\n' % (problem['nonce'], json.dumps({'outcome': outcome, 'detail': detail[:300]})))
    sys.__stdout__.flush()
    os._exit(0)


main()
`
