/* Small models of ONNX, made by hand, so that tests know what they compute: the messages of the format as
 * protobuf writes them. Used by tests/interop/ai_*.test.mjs and tests/bench. */

const varint = (value) => {
  const bytes = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    const low = Number(rest & 127n);
    rest >>= 7n;
    bytes.push(rest ? low | 128 : low);
  } while (rest);
  return Buffer.from(bytes);
};
const number = (field, value) => Buffer.concat([varint(field << 3), varint(value)]);
const bytes = (field, value) => {
  const content = Buffer.from(value);
  return Buffer.concat([varint((field << 3) | 2), varint(content.length), content]);
};
const message = (field, ...parts) => bytes(field, Buffer.concat(parts));

export const TYPES = { float32: 1, uint8: 2, int32: 6, int64: 7, string: 8, bool: 9, float64: 11 };

/* A dimension is a number or a name. */
const port = (field, { name, type = 'float32', shape }) => {
  const dims = shape.map((dim) => message(1, typeof dim === 'number' ? number(1, dim) : bytes(2, dim)));
  return message(field, bytes(1, name), message(2, message(1, number(1, TYPES[type]), message(2, ...dims))));
};

const node = ({ op, inputs, outputs, ints = {} }) =>
  message(
    1,
    ...inputs.map((name) => bytes(1, name)),
    ...outputs.map((name) => bytes(2, name)),
    bytes(4, op),
    ...Object.entries(ints).map(([name, value]) =>
      message(5, bytes(1, name), number(3, value), number(20, 2)),
    ),
  );

const constant = ({ name, type = 'float32', shape, data }) =>
  message(5, ...shape.map((size) => number(1, size)), number(2, TYPES[type]), bytes(8, name), bytes(9, Buffer.from(data.buffer)));

/* nodes: [{op, inputs, outputs, ints}]; inputs, outputs: [{name, type, shape}]; constants: [{name, type, shape,
 * data}], data a typed array. */
export function onnxModel({ nodes, inputs, outputs, constants = [] }) {
  return Buffer.concat([
    number(1, 8),
    message(8, bytes(1, ''), number(2, 17)),
    message(
      7,
      ...nodes.map(node),
      bytes(2, 'test'),
      ...constants.map(constant),
      ...inputs.map((one) => port(11, one)),
      ...outputs.map((one) => port(12, one)),
    ),
  ]);
}

/* y = op(x, constant), row by row. */
export const rowsModel = (op, data, { type = 'float32', width = data.length } = {}) =>
  onnxModel({
    nodes: [{ op, inputs: ['x', 'c'], outputs: ['y'] }],
    inputs: [{ name: 'x', type, shape: ['batch', width] }],
    outputs: [{ name: 'y', type, shape: ['batch', width] }],
    constants: [{ name: 'c', type, shape: [width], data }],
  });
