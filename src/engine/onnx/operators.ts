/** The operators that lowerings emit: what a graph from somebody else may use. A test keeps the list true. */

const words = (text: string): string[] => text.trim().split(/\s+/);

/** Operators of ONNX's own domain. */
export const standardOperators: ReadonlySet<string> = new Set(
  words(`
    Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh AveragePool Cast Ceil Clip Concat Conv ConvTranspose
    Cos Cosh CumSum Div Einsum Elu Equal Erf Exp Expand Floor Gather GatherND Gemm Greater GreaterOrEqual HardSigmoid Identity IsInf
    IsNaN LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax MatMul Max MaxPool Min Mod Mul Neg Not Or PRelu Pad Pow
    Reciprocal ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum Relu Reshape Resize Round ScatterElements
    ScatterND Selu Sigmoid Sign Sin Sinh Slice Softmax Softplus Split Sqrt Sub Tanh Tile TopK Transpose Where
  `),
);

/** Operators of ONNX Runtime's domain `com.microsoft`. */
export const runtimeOperators: ReadonlySet<string> = new Set(['FusedMatMul']);

/** Operators of its domain for tensors in blocks of channels (blocks.ts). */
export const blockOperators: ReadonlySet<string> = new Set(['Conv', 'ReorderInput', 'ReorderOutput']);
